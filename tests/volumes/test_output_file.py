"""Parts on volumes without fallocate, O_DIRECT or modes, and on full or unavailable ones."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from shardwright_worker.contract.reasons import Reason
from tests.volumes.worker_process import FaultyVolume

UNSUPPORTED = (errno.ENOSYS, errno.ENOTSUP, errno.EINVAL, errno.EPERM)
UNSUPPORTED_CALLS = [
    *(f"fallocate {number} output" for number in (*UNSUPPORTED, errno.ENODEV)),
    *(f"open_direct {number} output" for number in UNSUPPORTED),
    *(f"chmod {number} output" for number in UNSUPPORTED),
]


@pytest.mark.parametrize("rule", ["", *UNSUPPORTED_CALLS, "\n".join(UNSUPPORTED_CALLS)])
def test_writes_the_same_bytes(faults: FaultyVolume, output: Path, rule: str) -> None:
    ended = faults(rule).run("write", output)
    assert ended.result == 0o644, ended
    content = (output / "part").read_bytes()
    assert content == (b"part" * len(content))[: len(content)]
    assert len(content) == 5 * 4096 - 7
    assert [path.name for path in output.iterdir()] == ["part"]


@pytest.mark.parametrize("call", ["fallocate", "write", "fsync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_names_needed_and_free_space_of_a_full_volume(
    faults: FaultyVolume, output: Path, call: str, number: int
) -> None:
    ended = faults(f"{call} {number} output/part").run("write", output)
    assert ended.reason == Reason.INSUFFICIENT_SPACE
    assert f"{os.strerror(number)}; 20.0 KiB are needed, and {output} has " in ended.message
    assert " free of " in ended.message


@pytest.mark.parametrize("call", ["fallocate", "write", "fsync"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT])
def test_reports_every_error_of_the_volume(faults: FaultyVolume, output: Path, call: str, number: int) -> None:
    ended = faults(f"{call} {number} output/part").run("write", output)
    assert ended.reason == Reason.VOLUME_UNAVAILABLE
    assert f"{output / 'part'}" in ended.message
    assert os.strerror(number) in ended.message

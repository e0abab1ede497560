"""Parts on volumes that reserve no space or take nothing past the page cache, are full, or do not answer."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from shardwright_worker.contract.reasons import Reason
from tests.volumes.worker import Faults

UNABLE = (errno.ENOSYS, errno.ENOTSUP, errno.EINVAL, errno.EPERM)
LESS = [
    *(f"fallocate {number} output" for number in (*UNABLE, errno.ENODEV)),
    *(f"open_direct {number} output" for number in UNABLE),
    *(f"chmod {number} output" for number in UNABLE),
]


@pytest.mark.parametrize("rule", ["", *LESS, "\n".join(LESS)])
def test_the_bytes_are_the_same(faults: Faults, output: Path, rule: str) -> None:
    ended = faults(rule).run("write", output)
    assert ended.result == 0o644, ended
    content = (output / "part").read_bytes()
    assert content == (b"part" * len(content))[: len(content)]
    assert len(content) == 5 * 4096 - 7
    assert [path.name for path in output.iterdir()] == ["part"]


@pytest.mark.parametrize("call", ["fallocate", "write", "fsync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_volume_says_what_is_needed_and_free_where(faults: Faults, output: Path, call: str, number: int) -> None:
    ended = faults(f"{call} {number} output/part").run("write", output)
    assert ended.reason == Reason.INSUFFICIENT_SPACE
    assert f"{os.strerror(number)}; 20.0 KiB are needed, and {output} has " in ended.message
    assert " free of " in ended.message


@pytest.mark.parametrize("call", ["fallocate", "write", "fsync"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT])
def test_an_error_of_the_volume_is_never_passed_over(faults: Faults, output: Path, call: str, number: int) -> None:
    ended = faults(f"{call} {number} output/part").run("write", output)
    assert ended.reason == Reason.VOLUME_UNAVAILABLE
    assert f"{output / 'part'}" in ended.message
    assert os.strerror(number) in ended.message

"""Failure reasons of file system errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.volume_errors import volume_errors


def _raised(call: Callable[[], object], source: Path | None = None) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as failed, volume_errors(Path("/volume"), "write", source):
        call()
    return failed.value


def test_file_system_errors_have_reasons(tmp_path: Path) -> None:
    full = Path("/dev/full")
    failure = _raised(lambda: full.write_bytes(b"x" * 100_000))
    assert failure.reason == Reason.INSUFFICIENT_SPACE
    assert failure.message.startswith("cannot write as user")
    assert _raised(lambda: (tmp_path / "none").read_text(), tmp_path).reason == Reason.SOURCE_INCOMPLETE
    assert _raised(lambda: tmp_path.read_text(), tmp_path).reason == Reason.SOURCE_CORRUPT
    assert _raised(lambda: (tmp_path / "none").read_text()).reason == Reason.VOLUME_NOT_WRITABLE

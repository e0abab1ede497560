"""The probe of the output volume."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.volume_probe import probe_volume
from tools.testing.unprivileged import run_unprivileged


def test_leaves_nothing_but_readable_folders(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        probe_volume(tmp_path / "models" / "llama")
    finally:
        os.umask(before)
    staging = tmp_path / "models" / "llama" / ".staging"
    assert list(staging.iterdir()) == []
    for folder in (staging, staging.parent, staging.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_names_owner_and_mode_of_a_folder_that_is_not_writable(open_folder: Path) -> None:
    open_folder.chmod(0o555)

    def probe() -> tuple[str, str]:
        with pytest.raises(WorkerFailure) as caught:
            probe_volume(open_folder / "models")
        return caught.value.reason, caught.value.message

    reason, message = run_unprivileged(probe)
    assert reason == Reason.VOLUME_NOT_WRITABLE
    assert "cannot create a folder" in message
    assert f"belongs to {os.getuid()}:{os.getgid()} with mode 0555" in message
    assert "fsGroup" in message
    assert os.listdir(open_folder) == []

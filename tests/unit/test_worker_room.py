"""The output volume: is there room, and may this user write?"""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.folders import make_folders, nearest_folder
from shardwright_worker.files.volume_probe import probe_volume
from shardwright_worker.prepare.disk_space import check_space
from shardwright_worker.publish.staging import Staging
from tools.testing.unprivileged import run_unprivileged


def test_a_probe_leaves_nothing_but_open_folders(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        probe_volume(tmp_path / "models" / "llama")
    finally:
        os.umask(before)
    staging = tmp_path / "models" / "llama" / ".staging"
    assert list(staging.iterdir()) == []
    for folder in (staging, staging.parent, staging.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_folders_are_as_open_to_the_group_as_the_one_above(tmp_path: Path) -> None:
    tmp_path.chmod(0o2775)
    make_folders(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o2775


def test_a_volume_that_belongs_to_somebody_else(open_folder: Path) -> None:
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


def test_too_little_room_names_both_numbers(tmp_path: Path) -> None:
    check_space(tmp_path / "not" / "there", 1, "the shards")
    with pytest.raises(WorkerFailure) as caught:
        check_space(tmp_path, 2**60, "the shards")
    assert caught.value.reason == Reason.INSUFFICIENT_SPACE
    assert "the shards need 1101004.8 TiB, and the volume has " in caught.value.message
    assert "enlarge the claim" in caught.value.message


def test_the_nearest_folder(tmp_path: Path) -> None:
    assert nearest_folder(tmp_path / "a" / "b") == tmp_path


def test_workers_that_remove_the_empty_folder_stop_nobody(tmp_path: Path) -> None:
    """Each removes `.staging` when it finds it empty, in between any two steps of another."""
    other = os.fork()
    if not other:
        while tmp_path.is_dir():
            with Staging(tmp_path, "f" * 16, ""):
                pass
        os._exit(0)
    try:
        for _ in range(100):
            probe_volume(tmp_path)
            with Staging(tmp_path, "0123456789abcdef", "") as mine:
                assert mine.path.is_dir()
    finally:
        os.kill(other, signal.SIGKILL)
        os.waitpid(other, 0)

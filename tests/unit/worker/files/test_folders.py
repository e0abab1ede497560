"""Folders that several workers create and remove."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

from shardwright_worker.files.folders import make_folders, nearest_folder
from shardwright_worker.files.volume_probe import probe_volume
from shardwright_worker.publish.staging import Staging


def test_new_folders_keep_the_group_bits_of_their_parent(tmp_path: Path) -> None:
    tmp_path.chmod(0o2775)
    make_folders(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o2775


def test_finds_the_nearest_existing_folder(tmp_path: Path) -> None:
    assert nearest_folder(tmp_path / "a" / "b") == tmp_path


def test_a_worker_that_removes_the_empty_folder_does_not_disturb_others(tmp_path: Path) -> None:
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

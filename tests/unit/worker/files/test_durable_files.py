"""New files are written completely, and never through a symbolic link."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from shardwright_worker.files.durable_files import copy_file, fsync_path, write_new_file


def test_writes_a_new_file_readable_by_all(tmp_path: Path) -> None:
    write_new_file(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644
    with pytest.raises(FileExistsError):
        write_new_file(tmp_path / "file", b"other")


def test_does_not_write_or_copy_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("other")
    (tmp_path / "link").symlink_to("other")
    with pytest.raises(FileExistsError):
        write_new_file(tmp_path / "link", b"content")
    (tmp_path / "source").write_text("content")
    copy_file(tmp_path / "source", tmp_path / "link")
    assert (tmp_path / "link").read_text() == "content"
    assert (tmp_path / "other").read_text() == "other"


def test_syncs_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    fsync_path(tmp_path / "file")
    fsync_path(tmp_path)
    with pytest.raises(FileNotFoundError):
        fsync_path(tmp_path / "missing")

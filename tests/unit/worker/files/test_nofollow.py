"""Access to the output volume does not follow symbolic links."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.files.nofollow import remove_tree
from tests.volumes.folder_contents import folder_contents


def test_removes_links_inside_a_folder_without_following_them(volume: Path, outside: Path) -> None:
    removed = volume / "removed"
    (removed / "inner").mkdir(parents=True)
    (removed / "inner" / "link").symlink_to(outside)
    (removed / "file").symlink_to(outside / "theirs")
    before = folder_contents(outside)
    remove_tree(removed)
    assert not removed.exists()
    (volume / "link").symlink_to(outside)
    with pytest.raises(OSError, match="symbolic link"):
        remove_tree(volume / "link")
    assert folder_contents(outside) == before

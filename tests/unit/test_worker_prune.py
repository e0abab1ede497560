"""Older artifacts go; the newest, the published and those in use stay."""

from __future__ import annotations

from pathlib import Path

from shardwright_worker.artifact.find import artifact_keys
from shardwright_worker.artifact.prune import prune
from tests.harness.tiny_files import write_artifact


def fill(output: Path) -> list[str]:
    """Four artifacts, oldest first."""
    keys = [letter * 16 for letter in "dbca"]
    for day, key in enumerate(keys):
        write_artifact(output / key, key=key, created_at=f"2026-01-0{day + 1}T00:00:00Z")
    return keys


def test_the_newest_and_the_protected_stay(tmp_path: Path) -> None:
    oldest, second, third, newest = fill(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / ("e" * 16)).mkdir()  # a folder that only looks like an artifact
    done = prune(tmp_path, 2, {oldest})
    assert artifact_keys(tmp_path) == sorted([oldest, third, newest])
    assert done["removed"] == second
    assert done["kept"] == "3"
    assert done["freed"].endswith("KiB") or done["freed"].endswith(" B")
    assert list((tmp_path / ".staging").iterdir()) == []
    assert (tmp_path / "notes").is_dir()
    assert (tmp_path / ("e" * 16)).is_dir()


def test_nothing_to_prune(tmp_path: Path) -> None:
    keys = fill(tmp_path)
    assert prune(tmp_path, 4, ()) == {"kept": "4", "removed": "", "freed": "0 B"}
    assert artifact_keys(tmp_path) == sorted(keys)
    assert prune(tmp_path / "none", 1, ())["kept"] == "0"


def test_an_artifact_that_cannot_be_removed_is_named(tmp_path: Path) -> None:
    oldest, *_ = fill(tmp_path)
    (tmp_path / ".staging").write_text("a file where the folder should be")
    done = prune(tmp_path, 3, ())
    assert done["notRemoved"] == oldest
    assert oldest in artifact_keys(tmp_path)

"""Pruning older artifacts."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.artifact.find import artifact_keys
from shardwright_worker.contract.maintenance import PruneReport
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.publish.prune import prune
from tests.volumes.folder_contents import folder_contents
from tools.testing.tiny_files import write_artifact
from tools.testing.unprivileged import UNPRIVILEGED_ID, run_unprivileged


def fill(output: Path) -> list[str]:
    """Four artifacts, oldest first."""
    keys = [letter * 16 for letter in "dbca"]
    for day, key in enumerate(keys):
        write_artifact(output / key, key=key, created_at=f"2026-01-0{day + 1}T00:00:00Z")
    return keys


def test_keeps_the_newest_and_the_protected(tmp_path: Path) -> None:
    oldest, second, third, newest = fill(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / ("e" * 16)).mkdir()  # a folder that only looks like an artifact
    done = prune(tmp_path, 2, {oldest})
    assert artifact_keys(tmp_path) == sorted([oldest, third, newest])
    assert (done.removed, done.removed_count, done.kept) == ([second], 1, 3)
    assert done.freed_bytes > 0
    assert list((tmp_path / ".staging").iterdir()) == []
    assert (tmp_path / "notes").is_dir()
    assert (tmp_path / ("e" * 16)).is_dir()


def test_removes_nothing_within_the_limit(tmp_path: Path) -> None:
    keys = fill(tmp_path)
    assert prune(tmp_path, 4, ()) == PruneReport(kept=4)
    assert artifact_keys(tmp_path) == sorted(keys)
    assert prune(tmp_path / "none", 1, ()).kept == 0


def test_names_an_artifact_that_cannot_be_removed(tmp_path: Path) -> None:
    oldest, *_ = fill(tmp_path)
    (tmp_path / ".staging").write_text("a file where the folder should be")
    done = prune(tmp_path, 3, ())
    assert done.not_removed == [oldest]
    assert oldest in artifact_keys(tmp_path)


def test_keeps_and_names_artifacts_in_use(tmp_path: Path) -> None:
    oldest, second, third, newest = fill(tmp_path)
    done = prune(tmp_path, 1, {third}, in_use={oldest, second, newest})
    assert done == PruneReport(kept=4, in_use=[second, oldest])
    done = prune(tmp_path, 1, {third}, in_use={second})
    assert (done.removed, done.in_use) == ([oldest], [second])
    done = prune(tmp_path, 1, {third})
    assert (done.removed, done.in_use) == ([second], [])


def test_removes_nothing_after_the_deadline(tmp_path: Path) -> None:
    oldest, *rest = fill(tmp_path)
    done = prune(tmp_path, 3, (), until=time.time() - 1)
    assert done == PruneReport(kept=4, expired=True)
    assert len(artifact_keys(tmp_path)) == 4
    done = prune(tmp_path, 3, (), until=time.time() + 600)
    assert (done.removed, done.expired) == ([oldest], False)
    assert artifact_keys(tmp_path) == sorted(rest)


def _rewrite(folder: Path, **other: object) -> None:
    wire = json.loads((folder / MANIFEST_NAME).read_text())
    (folder / MANIFEST_NAME).write_text(json.dumps({**wire, **other}))


def _link(folder: Path) -> None:
    folder.rename(folder.parent.parent / "elsewhere")
    folder.symlink_to(folder.parent.parent / "elsewhere")


def _nested(folder: Path) -> None:
    write_artifact(folder / "theirs" / ("9" * 16), key="9" * 16)


def _pipe(folder: Path) -> None:
    (folder / MANIFEST_NAME).unlink()
    os.mkfifo(folder / MANIFEST_NAME)


NOT_OURS: dict[str, Callable[[Path], object]] = {
    "another key": lambda folder: _rewrite(folder, key="9" * 16),
    "a huge size": lambda folder: _rewrite(folder, maxFileSize=10**400),
    "a newer format": lambda folder: _rewrite(folder, schemaVersion=99),
    "no JSON": lambda folder: (folder / MANIFEST_NAME).write_text("{"),
    "a pipe": _pipe,
    "a link": _link,
    "nested": _nested,
    "a folder that is not part of it": lambda folder: (folder / "mounted").mkdir(),
}


@pytest.mark.parametrize("change", NOT_OURS.values(), ids=NOT_OURS.keys())
def test_does_not_touch_what_is_not_clearly_an_artifact_of_this_folder(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    output = tmp_path / "output"
    oldest, second, _third, newest = fill(output)
    change(output / oldest)
    elsewhere = tmp_path / "elsewhere"
    before = (folder_contents(output / oldest), folder_contents(elsewhere)) if change != _pipe else None
    done = prune(output, 1, {newest})
    assert done.not_removed == [oldest]
    assert second in done.removed
    assert os.path.lexists(output / oldest / MANIFEST_NAME)
    assert before is None or before == (folder_contents(output / oldest), folder_contents(elsewhere))


def test_removes_folders_that_the_manifest_names(tmp_path: Path) -> None:
    oldest, *_ = fill(tmp_path)
    wire = json.loads((tmp_path / oldest / MANIFEST_NAME).read_text())
    (tmp_path / oldest / "1_Pooling").mkdir()
    (tmp_path / oldest / "1_Pooling" / "config.json").write_text("{}")
    wire["metadata"].append({"name": "1_Pooling/config.json", "size": 2, "sha256": "0" * 64})
    (tmp_path / oldest / MANIFEST_NAME).write_text(json.dumps(wire))
    assert prune(tmp_path, 3, ()).removed == [oldest]


def test_does_not_touch_a_folder_that_may_not_be_read(open_folder: Path) -> None:
    oldest, second, *_ = fill(open_folder)
    (open_folder / oldest).chmod(0o700)
    for path in (open_folder, open_folder / second):
        os.chown(path, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
    done = run_unprivileged(lambda: prune(open_folder, 2, ()))
    assert (done.removed, done.not_removed) == ([second], [oldest])
    assert (open_folder / oldest / MANIFEST_NAME).is_file()


def test_compares_creation_times_across_time_zones(tmp_path: Path) -> None:
    write_artifact(tmp_path / ("a" * 16), key="a" * 16, created_at="2026-01-01T23:00:00-05:00")
    write_artifact(tmp_path / ("b" * 16), key="b" * 16, created_at="2026-01-02T03:00:00Z")
    write_artifact(tmp_path / ("c" * 16), key="c" * 16, created_at="zzzz")
    assert prune(tmp_path, 1, ()).removed == ["b" * 16, "c" * 16]

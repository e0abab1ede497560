"""The digest of a source, and the fingerprint by which it is not read again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.layout import Layout
from shardwright_worker.prepare.prepare_folder import prepare_folder
from shardwright_worker.prepare.prepared import Prepared
from shardwright_worker.source.listing import list_source
from shardwright_worker.source.source_digest import KnownSource
from shardwright_worker.source.source_fingerprint import fingerprint
from tools.testing.tiny_files import FIRST, model_files, write_files


def prepare_and_count(root: Path, known: KnownSource) -> tuple[Prepared, int]:
    """What prepare found, and how many bytes it has read for it."""
    seen: list[Progress] = []
    prepared = prepare_folder(root / "model", Layout(EngineSettings(), root / "out", root / "out"), seen.append, known)
    return prepared, max((each.bytes_done or 0 for each in seen if each.stage == Stage.DIGESTING), default=0)


def test_does_not_read_an_unchanged_source_again(tmp_path: Path) -> None:
    write_files(tmp_path / "model", model_files())
    first, read = prepare_and_count(tmp_path, KnownSource())
    assert read == first.source.bytes
    known = KnownSource(first.source.digest, first.source.fingerprint)
    again, read = prepare_and_count(tmp_path, known)
    assert read == 0
    assert (again.key, again.source) == (first.key, first.source)
    # Same size, and the old time restored: ctime still differs.
    state = (tmp_path / "model" / FIRST).stat()
    (tmp_path / "model" / FIRST).write_bytes(model_files()[FIRST].replace(b"\1\2", b"\1\3"))
    os.utime(tmp_path / "model" / FIRST, ns=(state.st_atime_ns, state.st_mtime_ns))
    changed, read = prepare_and_count(tmp_path, known)
    assert read == first.source.bytes
    assert changed.key != first.key
    assert changed.source.fingerprint != first.source.fingerprint
    assert prepare_and_count(tmp_path, KnownSource("", first.source.fingerprint))[1] == first.source.bytes


def test_the_fingerprint_covers_the_selected_files(tmp_path: Path) -> None:
    folder = write_files(tmp_path, model_files())
    before = fingerprint(list_source(folder, {}))
    write_files(folder, {"logo.png": b"x", "onnx/model.onnx": b"x", ".hidden": b"x"})
    assert fingerprint(list_source(folder, {})) == before
    (folder / "vocab.txt").write_text("a")
    more = fingerprint(list_source(folder, {}))
    assert more != before
    (folder / "vocab.txt").rename(folder / "words.txt")
    assert fingerprint(list_source(folder, {})) not in (before, more)


def change_while_read(tmp_path: Path, change: Callable[[Path], None]) -> Prepared:
    folder = write_files(tmp_path / "model", model_files())
    layout = Layout(EngineSettings(), tmp_path / "out", tmp_path / "out")
    done: list[bool] = []

    def show(progress: Progress) -> None:
        if progress.stage == Stage.DIGESTING and progress.bytes_done == progress.bytes_total and not done:
            done.append(True)
            change(folder)

    return prepare_folder(folder, layout, show)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / FIRST).write_bytes(model_files()[FIRST].replace(b"\1\2", b"\1\3")),
        lambda folder: (folder / "vocab.txt").write_text("new"),
        lambda folder: (folder / "tokenizer.json").unlink(),
    ],
)
def test_rejects_a_source_that_changes_while_it_is_read(tmp_path: Path, change: Callable[[Path], None]) -> None:
    with pytest.raises(WorkerFailure) as caught:
        change_while_read(tmp_path, change)
    assert caught.value.reason == Reason.SOURCE_CHANGED
    assert "is not as it was" in caught.value.message


def test_accepts_a_mode_that_changes_while_it_is_read(tmp_path: Path) -> None:
    # The kubelet changes the group of all files on a volume whenever a pod with an fsGroup starts.
    def change_mode(folder: Path) -> None:
        (folder / FIRST).chmod(0o640)

    prepared = change_while_read(tmp_path, change_mode)
    assert prepared.source.fingerprint == fingerprint(list_source(prepared.folder, {}))

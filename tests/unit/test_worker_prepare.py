"""The prepare stage on folders: names, finds, refuses."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import MANIFEST_NAME, artifact_key
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.folders import mount_point
from shardwright_worker.prepare.layout import Layout
from shardwright_worker.prepare.prepare_folder import prepare_folder
from shardwright_worker.prepare.prepared import Prepared
from shardwright_worker.reporting.progress_output import ignore_progress
from shardwright_worker.source.listing import list_source
from shardwright_worker.source.source_digest import KnownSource
from shardwright_worker.source.source_fingerprint import fingerprint
from tools.testing.tiny_files import FIRST, model_files, write_artifact, write_files


def prepare(root: Path, layout: Layout | None = None) -> Prepared:
    return prepare_folder(
        root / "model", layout or Layout(EngineSettings(), root / "out", root / "out"), ignore_progress
    )


def full(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    real = os.statvfs(folder)
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result((*real[:4], 0, *real[5:])))


def test_the_key_is_the_contracts(tmp_path: Path) -> None:
    write_files(tmp_path / "model", model_files())
    engine = EngineSettings(tensor_parallel_size=2)
    prepared = prepare(tmp_path, Layout(engine, tmp_path / "out", tmp_path / "out", "image:1", "", 7))
    pattern = "model-rank-{rank}-part-{part}.safetensors"
    assert prepared.key == artifact_key(prepared.source.digest, engine, "image:1", pattern, 7)
    assert prepared.source.revision == prepared.source.digest
    assert prepared.source.files == len(model_files())


def test_paths_are_relative_to_their_volume(tmp_path: Path) -> None:
    write_files(tmp_path / "model", model_files())
    apart = prepare(tmp_path).source
    assert (apart.volume, apart.path) == ("source", (tmp_path / "model").relative_to(mount_point(tmp_path)).as_posix())
    same = prepare(tmp_path, Layout(EngineSettings(), tmp_path / "out", tmp_path)).source
    assert (same.volume, same.path) == ("output", "model")


def test_a_finished_artifact_is_found_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    write_files(tmp_path / "model", model_files())
    key, source, *_ = prepare(tmp_path)
    write_artifact(tmp_path / "out" / key, settings=EngineSettings(), source_digest=source.digest, image="")
    found = prepare(tmp_path).artifact
    assert found is not None
    assert (found.key, found.path) == (key, key)
    (tmp_path / "out" / key / "config.json").unlink()
    assert prepare(tmp_path).artifact is None


def test_a_full_volume_stops_it_at_once_unless_the_artifact_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "model", model_files())
    key, source, *_ = prepare(tmp_path)
    full(monkeypatch, tmp_path)
    with pytest.raises(WorkerFailure) as caught:
        prepare(tmp_path)
    assert caught.value.reason == Reason.INSUFFICIENT_SPACE
    write_artifact(tmp_path / "out" / key, settings=EngineSettings(), source_digest=source.digest, image="")
    assert prepare(tmp_path).artifact is not None
    (tmp_path / "model" / "config.json").write_text(json.dumps({"num_attention_heads": 4}))
    with pytest.raises(WorkerFailure) as caught:
        prepare(tmp_path)
    assert caught.value.reason == Reason.INSUFFICIENT_SPACE


def test_the_same_source_elsewhere_has_the_same_key(tmp_path: Path) -> None:
    for root in (tmp_path / "a", tmp_path / "b"):
        write_files(root / "model", model_files())
    assert prepare(tmp_path / "a").key == prepare(tmp_path / "b").key
    (tmp_path / "b" / "model" / FIRST).write_bytes(model_files()[FIRST].replace(b"\1\2", b"\1\3"))
    assert prepare(tmp_path / "a").key != prepare(tmp_path / "b").key


def test_a_manifest_that_cannot_be_read_is_no_artifact(tmp_path: Path) -> None:
    write_files(tmp_path / "model", model_files())
    key = prepare(tmp_path).key
    write_files(tmp_path / "out" / key, {MANIFEST_NAME: b"{"})
    assert prepare(tmp_path).artifact is None


def digested(root: Path, known: KnownSource) -> tuple[Prepared, int]:
    """What prepare found, and how many bytes it has read for it."""
    seen: list[Progress] = []
    prepared = prepare_folder(root / "model", Layout(EngineSettings(), root / "out", root / "out"), seen.append, known)
    return prepared, max((each.bytes_done or 0 for each in seen if each.stage == Stage.DIGESTING), default=0)


def test_a_source_that_nobody_touched_is_not_read_again(tmp_path: Path) -> None:
    write_files(tmp_path / "model", model_files())
    first, read = digested(tmp_path, KnownSource())
    assert read == first.source.bytes
    known = KnownSource(first.source.digest, first.source.fingerprint)
    again, read = digested(tmp_path, known)
    assert read == 0
    assert (again.key, again.source) == (first.key, first.source)
    # Same size, and the old time put back: the inode still tells.
    state = (tmp_path / "model" / FIRST).stat()
    (tmp_path / "model" / FIRST).write_bytes(model_files()[FIRST].replace(b"\1\2", b"\1\3"))
    os.utime(tmp_path / "model" / FIRST, ns=(state.st_atime_ns, state.st_mtime_ns))
    changed, read = digested(tmp_path, known)
    assert read == first.source.bytes
    assert changed.key != first.key
    assert changed.source.fingerprint != first.source.fingerprint
    assert digested(tmp_path, KnownSource("", first.source.fingerprint))[1] == first.source.bytes


def test_the_fingerprint_is_over_what_counts(tmp_path: Path) -> None:
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
def test_a_source_that_changes_while_it_is_read(tmp_path: Path, change: Callable[[Path], None]) -> None:
    with pytest.raises(WorkerFailure) as caught:
        change_while_read(tmp_path, change)
    assert caught.value.reason == Reason.SOURCE_CHANGED
    assert "is not as it was" in caught.value.message


def test_a_mode_that_changes_while_it_is_read_is_no_other_source(tmp_path: Path) -> None:
    # Kubernetes gives the files of a volume to a group whenever a pod with an fsGroup starts.
    def give(folder: Path) -> None:
        (folder / FIRST).chmod(0o640)

    prepared = change_while_read(tmp_path, give)
    assert prepared.source.fingerprint == fingerprint(list_source(prepared.folder, {}))

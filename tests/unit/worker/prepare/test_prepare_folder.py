"""The prepare stage on source folders."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import MANIFEST_NAME, artifact_key
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.folders import mount_point
from shardwright_worker.prepare.layout import Layout
from shardwright_worker.prepare.prepare_folder import prepare_folder
from shardwright_worker.prepare.prepared import Prepared
from shardwright_worker.reporting.progress_output import ignore_progress
from tools.testing.tiny_files import FIRST, model_files, write_artifact, write_files


def prepare(root: Path, layout: Layout | None = None) -> Prepared:
    return prepare_folder(
        root / "model", layout or Layout(EngineSettings(), root / "out", root / "out"), ignore_progress
    )


def fill_volume(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    real = os.statvfs(folder)
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result((*real[:4], 0, *real[5:])))


def test_the_key_follows_from_source_and_settings(tmp_path: Path) -> None:
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


def test_finds_a_finished_artifact_but_not_a_damaged_one(tmp_path: Path) -> None:
    write_files(tmp_path / "model", model_files())
    key, source, *_ = prepare(tmp_path)
    write_artifact(tmp_path / "out" / key, settings=EngineSettings(), source_digest=source.digest, image="")
    found = prepare(tmp_path).artifact
    assert found is not None
    assert (found.key, found.path) == (key, key)
    (tmp_path / "out" / key / "config.json").unlink()
    assert prepare(tmp_path).artifact is None


def test_a_full_volume_is_an_error_unless_the_artifact_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "model", model_files())
    key, source, *_ = prepare(tmp_path)
    fill_volume(monkeypatch, tmp_path)
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


def test_a_folder_without_a_valid_manifest_is_not_an_artifact(tmp_path: Path) -> None:
    write_files(tmp_path / "model", model_files())
    key = prepare(tmp_path).key
    write_files(tmp_path / "out" / key, {MANIFEST_NAME: b"{"})
    assert prepare(tmp_path).artifact is None

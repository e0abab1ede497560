"""Finding finished artifacts: only complete ones of this key and this vLLM."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from shardwright_worker.artifact.find import find_artifact
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.measured import Measured
from shardwright_worker.contract.naming import DEFAULT_MAX_FILE_SIZE, MANIFEST_NAME, artifact_key
from shardwright_worker.contract.reasons import Reason
from tests.unit.worker.artifact_cases import rewrite_manifest
from tools.testing.tiny_files import KEY, write_artifact

PART = "model-rank-1-part-0.safetensors"


def test_finds_a_finished_artifact(tmp_path: Path) -> None:
    folder = tmp_path / "models" / KEY
    manifest = write_artifact(folder)
    report = find_artifact(tmp_path / "models", KEY, tmp_path)
    assert report is not None
    assert report.path == f"models/{KEY}"
    assert report.manifest_digest == hashlib.sha256((folder / MANIFEST_NAME).read_bytes()).hexdigest()
    assert (report.bytes, report.files) == (manifest.bytes, 3)
    assert (report.verified_by, report.completed_at) == ("Load", manifest.created_at)


def test_what_was_measured_is_reported_with_the_artifact(tmp_path: Path) -> None:
    write_artifact(tmp_path / KEY)
    measured = {"source": {"seconds": 2.5, "bytesRead": 8}, "shards": {"seconds": 1.5}}
    rewrite_manifest(tmp_path / KEY, lambda wire: wire.update(measured=measured))
    report = find_artifact(tmp_path, KEY, tmp_path)
    assert report is not None
    assert report.measured == Measured.model_validate(measured)


def test_does_not_find_an_incomplete_artifact(tmp_path: Path) -> None:
    write_artifact(tmp_path / KEY)
    assert find_artifact(tmp_path, "f" * 16, tmp_path) is None
    (tmp_path / KEY / PART).write_bytes(b"short")
    assert find_artifact(tmp_path, KEY, tmp_path) is None
    (tmp_path / KEY / PART).unlink()
    assert find_artifact(tmp_path, KEY, tmp_path) is None
    write_artifact(tmp_path / KEY, key="f" * 16)
    assert find_artifact(tmp_path, KEY, tmp_path) is None


@pytest.mark.parametrize(
    "settings",
    [
        EngineSettings(),
        EngineSettings(tensor_parallel_size=4),
        EngineSettings(pipeline_parallel_size=2),
        EngineSettings(tensor_parallel_size=2, pipeline_parallel_size=3, hf_overrides='{"a": 1}'),
    ],
)
def test_finds_artifacts_of_all_layouts(tmp_path: Path, settings: EngineSettings) -> None:
    key = write_artifact(tmp_path / "made", settings=settings).key
    (tmp_path / "made").rename(tmp_path / key)
    assert find_artifact(tmp_path, key, tmp_path)


def test_rejects_an_artifact_of_another_release_of_vllm(tmp_path: Path) -> None:
    write_artifact(tmp_path / KEY)
    assert find_artifact(tmp_path, KEY, tmp_path, "0.32.0")
    assert find_artifact(tmp_path, KEY, tmp_path, "0.32.0+cpu")
    for version in ("0.33.0", "0.32.1", "0.32.0rc1"):
        with pytest.raises(WorkerFailure) as refused:
            find_artifact(tmp_path, KEY, tmp_path, version)
        assert refused.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
        assert f"was made with vLLM 0.32.0, and {version} is installed here" in refused.value.message
        assert "digest" in refused.value.message


def test_without_an_image_the_release_of_vllm_is_in_the_key(tmp_path: Path) -> None:
    settings = EngineSettings(tensor_parallel_size=2)
    facts = ("d" * 64, settings, "", "", DEFAULT_MAX_FILE_SIZE)
    keys = [artifact_key(*facts, version) for version in ("0.32.0", "0.33.0", "")]
    assert len({*keys}) == 3
    assert artifact_key(*facts, "0.32.0+cpu") == keys[0]
    for key in keys:
        write_artifact(tmp_path / key, key=key, image="")
    adopted = [find_artifact(tmp_path, key, tmp_path) is not None for key in keys]
    assert adopted == [True, False, True]  # the manifest says 0.32.0, or prepare did not know any


def test_the_default_pattern_has_the_key_of_an_empty_one() -> None:
    settings = EngineSettings()
    explicit = artifact_key("d", settings, "", "model-rank-{rank}-part-{part}.safetensors", 1)
    assert explicit == artifact_key("d", settings, "", "", 1)

"""Publishing on a real file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.publish.publish import publish
from shardwright_worker.publish.staging import Staging
from tests.unit.worker.publish_cases import publish_artifact
from tools.testing.tiny_files import KEY, write_artifact

PART = "model-rank-1-part-0.safetensors"


def test_publishes_a_complete_artifact_readable_by_all(tmp_path: Path) -> None:
    report = publish_artifact(tmp_path)
    assert read_manifest(tmp_path / KEY).duration_seconds["publish"] == 0.1
    assert report.completed_at == "2026-02-02T00:00:00Z"
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / KEY).iterdir()} == {0o644}
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def test_drops_its_artifact_if_another_one_is_published_already(tmp_path: Path) -> None:
    first = publish_artifact(tmp_path, "2026-01-01T00:00:00Z")
    assert publish_artifact(tmp_path) == first


def test_replaces_a_damaged_artifact(tmp_path: Path) -> None:
    publish_artifact(tmp_path, "2026-01-01T00:00:00Z")
    (tmp_path / KEY / PART).unlink()
    assert publish_artifact(tmp_path).completed_at == "2026-02-02T00:00:00Z"
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def test_rejects_a_folder_without_a_manifest(tmp_path: Path) -> None:
    (tmp_path / KEY).mkdir()
    (tmp_path / KEY / "theirs").write_text("half of it")
    with pytest.raises(WorkerFailure) as refused:
        publish_artifact(tmp_path)
    assert refused.value.reason == Reason.ARTIFACT_DAMAGED
    assert (tmp_path / KEY / "theirs").read_text() == "half of it"


def test_names_a_volume_that_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkerFailure) as refused:
        publish_artifact(tmp_path / "file")
    assert refused.value.reason == Reason.VOLUME_NOT_WRITABLE
    assert str(tmp_path / "file") in refused.value.message


def test_replaces_only_the_artifact_whose_bytes_are_known_to_be_wrong(tmp_path: Path) -> None:
    first = publish_artifact(tmp_path, "2026-01-01T00:00:00Z")
    part = tmp_path / KEY / PART
    data = part.read_bytes()
    part.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert publish_artifact(tmp_path, "2026-02-02T00:00:00Z", replaces="0" * 64).completed_at == first.completed_at
    again = publish_artifact(tmp_path, "2026-03-03T00:00:00Z", replaces=first.manifest_digest)
    assert again.completed_at == "2026-03-03T00:00:00Z"
    assert part.read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def test_rejects_a_key_that_does_not_follow_from_the_settings(tmp_path: Path) -> None:
    name = "0123456789abcdef"
    with pytest.raises(WorkerFailure) as refused, Staging(tmp_path, name, "") as staging:
        publish(staging, write_artifact(staging.path), tmp_path / name, tmp_path, dict)
    assert refused.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert f"--artifact-name {name} does not follow from" in refused.value.message
    assert list(tmp_path.iterdir()) == []

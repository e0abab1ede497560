"""The prepare stage and what has an artifact's name: damage is told, what must stay is refused before accelerators."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from shardwright_worker.cli.main import main
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import Report, read_report
from shardwright_worker.publish.publish import publish
from shardwright_worker.publish.staging import Staging
from tools.testing.tiny_files import KEY, model_files, write_artifact, write_files

PART = "model-rank-0-part-0.safetensors"


class Volume:
    """An output folder, a source beside it, and the prepare stage on both."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.source, self.output, self._capsys = write_files(root / "model", model_files()), root / "out", capsys
        report = self.prepare()
        assert report.source
        self.key, self.digest = report.key, report.source.digest

    @property
    def folder(self) -> Path:
        """Where the artifact belongs."""
        return self.output / self.key

    def prepare(self, *more: str) -> Report:
        """Its report."""
        main(["prepare", "--source", str(self.source), "--output", str(self.output), *more])
        report = read_report(self._capsys.readouterr().out.splitlines()[-1])
        assert report
        return report

    def write(self) -> None:
        """The artifact, as the shard stage would have published it."""
        write_artifact(self.folder, settings=EngineSettings(), source_digest=self.digest, image="")

    def publish(self) -> None:
        """The end of a shard stage."""
        with Staging(self.output, self.key, "") as staging:
            manifest = write_artifact(
                staging.path, settings=EngineSettings(), source_digest=self.digest, image="", created_at="2027-01-01Z"
            )
            publish(staging, manifest, self.folder, self.output, dict)


@pytest.fixture
def volume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Volume:
    """A volume without the artifact."""
    return Volume(tmp_path, capsys)


def test_a_found_artifact_says_how_far_it_was_read(volume: Volume) -> None:
    volume.write()
    for more, check_depth in (((), "Headers"), (("--deep",), "Bytes")):
        report = volume.prepare(*more)
        assert report.artifact
        assert (report.artifact.check_depth, report.message) == (check_depth, "")


@pytest.mark.parametrize("name", [PART, "config.json"])
def test_a_flipped_bit_is_found_when_every_byte_is_read(volume: Volume, name: str) -> None:
    volume.write()
    content = bytearray((volume.folder / name).read_bytes())
    content[-2] ^= 1
    (volume.folder / name).write_bytes(content)
    assert volume.prepare().artifact
    report = volume.prepare("--deep")
    assert report.succeeded
    assert report.artifact is None
    assert name in report.message
    assert "other bytes than recorded" in report.message


def test_damage_is_told(volume: Volume) -> None:
    volume.write()
    (volume.folder / PART).unlink()
    report = volume.prepare()
    assert (report.succeeded, report.artifact) == (True, None)
    assert report.message == f"{volume.folder}: {PART} is missing"
    volume.publish()
    report = volume.prepare()
    assert report.artifact
    assert report.message == ""


def test_an_empty_folder_of_the_name_is_no_artifact_and_is_replaced(volume: Volume) -> None:
    """The kubelet makes one for a server that mounts the artifact by subPath before it is there."""
    volume.folder.mkdir()
    report = volume.prepare()
    assert (report.succeeded, report.artifact, report.message) == (True, None, "")
    volume.publish()
    assert volume.prepare().artifact


@pytest.mark.parametrize("kind", ["folder", "file", "link", "pipe"])
def test_what_no_worker_made_is_refused_before_anything_is_made(volume: Volume, kind: str) -> None:
    if kind == "folder":
        write_files(volume.folder, {PART: b"by somebody's own script"})
    elif kind == "file":
        volume.folder.write_text("a file")
    elif kind == "link":
        volume.folder.symlink_to(volume.source)
    else:
        os.mkfifo(volume.folder)
    report = volume.prepare()
    assert report.reason == Reason.ARTIFACT_DAMAGED
    assert str(volume.folder) in report.message
    assert "ove it away" in report.message
    with pytest.raises(WorkerFailure) as refused:
        volume.publish()
    assert refused.value.reason == Reason.ARTIFACT_DAMAGED
    assert os.path.lexists(volume.folder)


def test_what_an_interrupted_publish_left_goes_on(volume: Volume) -> None:
    volume.write()
    (volume.folder / MANIFEST_NAME).rename(volume.folder / (MANIFEST_NAME + ".moving"))
    (volume.folder / "config.json").unlink()
    report = volume.prepare()
    assert (report.succeeded, report.artifact) == (True, None)
    volume.publish()
    assert volume.prepare().artifact
    assert sorted(path.name for path in volume.folder.iterdir()) == sorted([MANIFEST_NAME, "config.json", PART])


def test_what_an_interrupted_publish_of_other_bytes_left_is_not_mixed_with_ours(volume: Volume) -> None:
    volume.write()
    (volume.folder / "config.json").write_text("{}")
    text = (volume.folder / MANIFEST_NAME).read_text().replace("0.32.0", "0.31.0")
    (volume.folder / (MANIFEST_NAME + ".moving")).write_text(text)
    (volume.folder / MANIFEST_NAME).unlink()
    volume.publish()
    report = volume.prepare("--deep")
    assert report.artifact
    assert report.artifact.vllm_version == "0.32.0"


def test_an_artifact_that_somebody_copied_there_is_adopted(volume: Volume) -> None:
    volume.write()
    shutil.copytree(volume.folder, volume.output / "copy")
    shutil.rmtree(volume.folder)
    (volume.output / "copy").rename(volume.folder)
    assert volume.prepare().artifact


def test_a_key_that_does_not_follow_from_the_flags_is_refused(tmp_path: Path) -> None:
    name = "0123456789abcdef"
    with pytest.raises(WorkerFailure) as refused, Staging(tmp_path, name, "") as staging:
        publish(staging, write_artifact(staging.path), tmp_path / name, tmp_path, dict)
    assert refused.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert f"--artifact-name {name} does not follow from" in refused.value.message
    assert list(tmp_path.iterdir()) == []


def test_pruning_has_a_deadline_and_tells_what_is_in_use(volume: Volume) -> None:
    volume.write()
    for day, key in enumerate(("a" * 16, "b" * 16)):
        write_artifact(volume.output / key, key=key, created_at=f"2025-01-0{day + 1}T00:00:00Z")
    late = volume.prepare("--history-limit", "1", "--prune-until", str(time.time() - 1))
    assert late.maintenance.pruned is not None
    assert (late.maintenance.pruned.expired, late.maintenance.pruned.removed) == (True, [])
    done = volume.prepare("--history-limit", "1", "--in-use", "a" * 16, "--prune-until", str(time.time() + 600))
    assert done.maintenance.pruned is not None
    assert (done.maintenance.pruned.removed, done.maintenance.pruned.in_use) == (["b" * 16], ["a" * 16])
    assert volume.key != KEY

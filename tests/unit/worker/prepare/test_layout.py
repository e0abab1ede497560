"""Inspection of an artifact by the prepare stage: damage is reported, and foreign content rejected."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from tests.unit.worker.volume_cases import Volume
from tools.testing.tiny_files import KEY, write_artifact, write_files

PART = "model-rank-0-part-0.safetensors"


@pytest.fixture
def volume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Volume:
    """A volume without the artifact."""
    return Volume(tmp_path, capsys)


def test_reports_what_the_inspection_read(volume: Volume) -> None:
    volume.write()
    for more, check_depth in (((), "Headers"), (("--deep",), "Bytes")):
        report = volume.prepare(*more)
        assert report.artifact
        assert (report.artifact.check_depth, report.message) == (check_depth, "")


@pytest.mark.parametrize("name", [PART, "config.json"])
def test_finds_a_flipped_bit_when_every_byte_is_read(volume: Volume, name: str) -> None:
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


def test_reports_damage_until_it_is_replaced(volume: Volume) -> None:
    volume.write()
    (volume.folder / PART).unlink()
    report = volume.prepare()
    assert (report.succeeded, report.artifact) == (True, None)
    assert report.message == f"{volume.folder}: {PART} is missing"
    volume.publish()
    report = volume.prepare()
    assert report.artifact
    assert report.message == ""


def test_replaces_an_empty_folder(volume: Volume) -> None:
    """The kubelet makes one for a server that mounts the artifact by subPath before it is there."""
    volume.folder.mkdir()
    report = volume.prepare()
    assert (report.succeeded, report.artifact, report.message) == (True, None, "")
    volume.publish()
    assert volume.prepare().artifact


@pytest.mark.parametrize("kind", ["folder", "file", "link", "pipe"])
def test_rejects_foreign_content_before_anything_is_made(volume: Volume, kind: str) -> None:
    if kind == "folder":
        write_files(volume.folder, {PART: b"by a script of a user"})
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


def test_accepts_an_artifact_that_was_copied_there(volume: Volume) -> None:
    volume.write()
    shutil.copytree(volume.folder, volume.output / "copy")
    shutil.rmtree(volume.folder)
    (volume.output / "copy").rename(volume.folder)
    assert volume.prepare().artifact


def test_pruning_has_a_deadline_and_reports_what_is_in_use(volume: Volume) -> None:
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

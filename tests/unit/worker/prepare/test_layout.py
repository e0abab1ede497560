"""Inspection of an artifact by the prepare stage: damage is reported, and foreign content rejected."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from tests.unit.worker.volume_cases import PreparedVolume
from tools.testing.tiny_files import KEY, write_artifact, write_files

PART = "model-rank-0-part-0.safetensors"


def test_reports_what_the_inspection_read(prepared: PreparedVolume) -> None:
    prepared.write()
    for more, check_depth in (((), "Headers"), (("--deep",), "Bytes")):
        report = prepared.prepare(*more)
        assert report.artifact
        assert (report.artifact.check_depth, report.message) == (check_depth, "")


@pytest.mark.parametrize("name", [PART, "config.json"])
def test_finds_a_flipped_bit_when_every_byte_is_read(prepared: PreparedVolume, name: str) -> None:
    prepared.write()
    content = bytearray((prepared.folder / name).read_bytes())
    content[-2] ^= 1
    (prepared.folder / name).write_bytes(content)
    assert prepared.prepare().artifact
    report = prepared.prepare("--deep")
    assert report.succeeded
    assert report.artifact is None
    assert name in report.message
    assert "other bytes than recorded" in report.message


def test_reports_damage_until_it_is_replaced(prepared: PreparedVolume) -> None:
    prepared.write()
    (prepared.folder / PART).unlink()
    report = prepared.prepare()
    assert (report.succeeded, report.artifact) == (True, None)
    assert report.message == f"{prepared.folder}: {PART} is missing"
    prepared.publish()
    report = prepared.prepare()
    assert report.artifact
    assert report.message == ""


def test_replaces_an_empty_folder(prepared: PreparedVolume) -> None:
    """The kubelet makes one for a server that mounts the artifact by subPath before it is there."""
    prepared.folder.mkdir()
    report = prepared.prepare()
    assert (report.succeeded, report.artifact, report.message) == (True, None, "")
    prepared.publish()
    assert prepared.prepare().artifact


@pytest.mark.parametrize("kind", ["folder", "file", "link", "pipe"])
def test_rejects_foreign_content_before_anything_is_made(prepared: PreparedVolume, kind: str) -> None:
    if kind == "folder":
        write_files(prepared.folder, {PART: b"by a script of a user"})
    elif kind == "file":
        prepared.folder.write_text("a file")
    elif kind == "link":
        prepared.folder.symlink_to(prepared.source)
    else:
        os.mkfifo(prepared.folder)
    report = prepared.prepare()
    assert report.reason == Reason.ARTIFACT_DAMAGED
    assert str(prepared.folder) in report.message
    assert "ove it away" in report.message
    with pytest.raises(WorkerFailure) as refused:
        prepared.publish()
    assert refused.value.reason == Reason.ARTIFACT_DAMAGED
    assert os.path.lexists(prepared.folder)


def test_accepts_an_artifact_that_was_copied_there(prepared: PreparedVolume) -> None:
    prepared.write()
    shutil.copytree(prepared.folder, prepared.output / "copy")
    shutil.rmtree(prepared.folder)
    (prepared.output / "copy").rename(prepared.folder)
    assert prepared.prepare().artifact


def test_pruning_has_a_deadline_and_reports_what_is_in_use(prepared: PreparedVolume) -> None:
    prepared.write()
    for day, key in enumerate(("a" * 16, "b" * 16)):
        write_artifact(prepared.output / key, key=key, created_at=f"2025-01-0{day + 1}T00:00:00Z")
    late = prepared.prepare("--history-limit", "1", "--prune-until", str(time.time() - 1))
    assert late.maintenance.pruned is not None
    assert (late.maintenance.pruned.expired, late.maintenance.pruned.removed) == (True, [])
    done = prepared.prepare("--history-limit", "1", "--in-use", "a" * 16, "--prune-until", str(time.time() + 600))
    assert done.maintenance.pruned is not None
    assert (done.maintenance.pruned.removed, done.maintenance.pruned.in_use) == (["b" * 16], ["a" * 16])
    assert prepared.key != KEY

"""A volume that fails to answer: what cannot be read is neither missing nor damaged, and nothing is removed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from shardwright_worker.contract.maintenance import PruneReport
from shardwright_worker.contract.reasons import Reason
from tests.volumes.folder_contents import folder_contents
from tests.volumes.worker_process import CREATED_AT, FaultyVolume
from tools.testing.tiny_files import KEY, write_artifact

PART = "model-rank-1-part-0.safetensors"
IO_ERRORS = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EMFILE, errno.EREMOTEIO)
OTHER = "f" * 16


@pytest.fixture
def healthy(output: Path) -> Path:
    """A volume with a complete artifact and an older one."""
    write_artifact(output / KEY)
    write_artifact(output / OTHER, key=OTHER, created_at="2025-01-01T00:00:00Z")
    return output


@pytest.mark.parametrize(
    ("task", "call", "name"),
    [
        ("prepare", "open", "shardwright.json"),
        ("prepare", "read", "shardwright.json"),
        ("prepare", "stat", "config.json"),
        ("prepare", "stat", PART),
        ("prepare", "open", PART),
        ("prepare", "read", PART),
        ("publish", "stat", "shardwright.json"),
        ("publish", "read", "shardwright.json"),
        ("publish", "stat", PART),
        ("publish", "read", PART),
        ("check", "open", "config.json"),
        ("check", "read", "config.json"),
        ("check", "read", PART),
    ],
)
def test_a_file_that_cannot_be_read_is_not_damaged(
    faults: FaultyVolume, healthy: Path, call: str, name: str, task: str
) -> None:
    before = folder_contents(healthy)
    for number in IO_ERRORS[:2]:
        ended = faults(f"{call} {number} output/{KEY}/{name}").run(task, healthy)
        assert ended.reason == Reason.VOLUME_UNAVAILABLE, ended
        assert f"{healthy / KEY / name} cannot be read: {os.strerror(number)}" in ended.message
        assert folder_contents(healthy) == before


@pytest.mark.parametrize(
    "rule",
    [
        *(f"stat {number} config.json" for number in IO_ERRORS),
        f"list {errno.EIO} output/{KEY}",
        f"list {errno.EIO} output/.staging",
        f"stat {errno.EIO} output/{KEY}",
        f"stat {errno.EIO} output/.staging",
    ],
)
def test_publishing_changes_nothing_after_any_io_error(faults: FaultyVolume, healthy: Path, rule: str) -> None:
    before = folder_contents(healthy)
    ended = faults(rule).run("publish", healthy)
    assert ended.reason == Reason.VOLUME_UNAVAILABLE, ended
    assert {name: content for name, content in folder_contents(healthy).items() if name != ".staging"} == before


@pytest.mark.parametrize(
    ("call", "name"),
    [("stat", OTHER), ("open", f"{OTHER}/shardwright.json"), ("read", f"{OTHER}/shardwright.json"), ("list", "")],
)
def test_prunes_nothing_while_one_artifact_cannot_be_read(
    faults: FaultyVolume, healthy: Path, call: str, name: str
) -> None:
    before = folder_contents(healthy)
    ended = faults(f"{call} {errno.EIO} output{name and '/'}{name}").run("prune", healthy, "1")
    assert ended.reason == Reason.VOLUME_UNAVAILABLE, ended
    assert str(healthy / name) in ended.message
    assert folder_contents(healthy) == before


def test_reports_a_removal_that_failed(faults: FaultyVolume, healthy: Path) -> None:
    ended = faults(f"rename {errno.EIO} .removed").run("prune", healthy, "1")
    assert ended.reason == Reason.VOLUME_UNAVAILABLE
    assert (healthy / OTHER / "shardwright.json").is_file()


def test_names_the_owner_of_an_artifact_that_may_not_be_read(faults: FaultyVolume, healthy: Path) -> None:
    before = folder_contents(healthy)
    for task in ("prepare", "publish"):
        ended = faults(f"open {errno.EACCES} {KEY}/shardwright.json").run(task, healthy)
        assert ended.reason == Reason.VOLUME_NOT_WRITABLE
        owner = f"{healthy / KEY}/shardwright.json belongs to {os.getuid()}:{os.getgid()} with mode 0644"
        assert owner in ended.message
        assert f"user {os.getuid()}" in ended.message
    assert folder_contents(healthy) | {".staging": "/"} == before | {".staging": "/"}
    done = faults(f"open {errno.EACCES} {OTHER}/shardwright.json").run("prune", healthy, "1")
    assert done.result == PruneReport(kept=1, not_removed=[OTHER]).to_wire()


def test_ignores_abandoned_staging_that_cannot_be_read(faults: FaultyVolume, output: Path) -> None:
    dead = output / ".staging" / f"{OTHER}.dead"
    dead.mkdir(parents=True)
    (dead / "part").write_text("half")
    (output / ".staging" / f"{OTHER}.dead.owner").touch()
    assert faults(f"open {errno.EIO} {OTHER}.dead.owner").run("publish", output).reason == ""
    assert (dead / "part").read_text() == "half"
    assert faults.run("publish", output).reason == ""
    assert not dead.exists()


@pytest.mark.parametrize("name", ["config.json", PART, "shardwright.json", f"/{KEY}."])
def test_does_not_publish_a_file_that_cannot_be_synced(faults: FaultyVolume, output: Path, name: str) -> None:
    ended = faults(f"fsync {errno.EIO} {name}").run("publish", output)
    assert ended.reason == Reason.VOLUME_UNAVAILABLE
    assert "Input/output error" in ended.message
    assert list(output.iterdir()) == []
    assert faults.run("publish", output).reason == ""


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EDQUOT, "a quota is used up"),
        (errno.EFBIG, "a lower maximum file size may fit"),
        (errno.ENOSPC, "No space left on device"),
    ],
)
def test_names_needed_and_free_space_of_a_full_volume(
    faults: FaultyVolume, output: Path, number: int, words: str
) -> None:
    ended = faults(f"write {number} {KEY}.full/shardwright.json").run("publish", output, CREATED_AT, "full")
    assert ended.reason == Reason.INSUFFICIENT_SPACE
    assert words in ended.message
    assert " B are needed, and " in ended.message
    assert "GiB free of" in ended.message
    assert str(output) in ended.message
    assert list(output.iterdir()) == []


@pytest.mark.parametrize("step", ["mkdir", "create", "write", "fsync", "unlink"])
@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EIO, Reason.VOLUME_UNAVAILABLE),
        (errno.EDQUOT, Reason.INSUFFICIENT_SPACE),
        (errno.EFBIG, Reason.INSUFFICIENT_SPACE),
        (errno.EROFS, Reason.VOLUME_NOT_WRITABLE),
    ],
)
def test_the_probe_distinguishes_full_read_only_and_unavailable_volumes(
    faults: FaultyVolume, output: Path, step: str, number: int, reason: Reason
) -> None:
    ended = faults(f"{step} {number} probe.").run("prepare", output)
    assert ended.reason == reason, ended
    assert str(output) in ended.message

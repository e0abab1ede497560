"""Publishing and staging on a real file system: nothing of others is harmed, the dead leave nothing."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.artifact.find import find_artifact
from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.files.volume_errors import volume_errors
from shardwright_worker.publish.publish import publish
from shardwright_worker.publish.publish_without_rename import move_files_into
from shardwright_worker.publish.staging import Staging
from tools.testing.tiny_files import KEY, write_artifact

PART = "model-rank-1-part-0.safetensors"


def _publish(output: Path, created_at: str = "2026-02-02T00:00:00Z", replaces: str = "") -> ArtifactReport:
    with Staging(output, KEY, "") as staging:
        manifest: Manifest = write_artifact(staging.path, created_at=created_at)
        (staging.path / MANIFEST_NAME).unlink()
        return publish(staging, manifest, output / KEY, output, lambda: {"publish": 0.1}, replaces)


def test_what_is_published_is_whole_and_readable_for_all(tmp_path: Path) -> None:
    report = _publish(tmp_path)
    assert read_manifest(tmp_path / KEY).duration_seconds["publish"] == 0.1
    assert report.completed_at == "2026-02-02T00:00:00Z"
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / KEY).iterdir()} == {0o644}
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def test_who_is_late_drops_its_own(tmp_path: Path) -> None:
    first = _publish(tmp_path, "2026-01-01T00:00:00Z")
    assert _publish(tmp_path) == first


def test_a_damaged_artifact_makes_room(tmp_path: Path) -> None:
    _publish(tmp_path, "2026-01-01T00:00:00Z")
    (tmp_path / KEY / PART).unlink()
    assert _publish(tmp_path).completed_at == "2026-02-02T00:00:00Z"
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def test_a_folder_without_a_manifest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / KEY).mkdir()
    (tmp_path / KEY / "theirs").write_text("half of it")
    with pytest.raises(WorkerFailure) as refused:
        _publish(tmp_path)
    assert refused.value.reason == Reason.ARTIFACT_DAMAGED
    assert (tmp_path / KEY / "theirs").read_text() == "half of it"


def test_where_folders_cannot_be_renamed_it_goes_on_where_a_dead_one_stopped(tmp_path: Path) -> None:
    source, target = tmp_path / "staged", tmp_path / KEY
    write_artifact(source)
    target.mkdir()
    (target / PART).write_bytes(b"half")
    assert find_artifact(tmp_path, KEY, tmp_path) is None
    move_files_into(target, source)
    assert find_artifact(tmp_path, KEY, tmp_path) is not None
    assert not list(source.iterdir())


def test_a_move_that_is_late_changes_nothing(tmp_path: Path) -> None:
    write_artifact(tmp_path / KEY, created_at="2026-01-01T00:00:00Z")
    write_artifact(tmp_path / "staged", created_at="2026-02-02T00:00:00Z")
    move_files_into(tmp_path / KEY, tmp_path / "staged")
    assert read_manifest(tmp_path / KEY).created_at == "2026-01-01T00:00:00Z"


def test_dead_attempts_are_cleared_and_living_ones_and_strangers_stay(tmp_path: Path) -> None:
    root = tmp_path / ".staging"
    other = "f" * 16
    for name in (f"{KEY}.dead", f"{other}.dead", f"{other}.lives", "probe.12345678"):
        (root / name).mkdir(parents=True)
        (root / f"{name}.owner").touch()
    (root / f"{other}.alone.owner").touch()
    with (root / f"{other}.lives.owner").open("r+") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        os.utime(owner.fileno(), (0, 0))  # a lock that is held says more than the time of the last sign
        with Staging(tmp_path, KEY, "2"):
            there = {path.name for path in root.iterdir()}
    mine = {f"{KEY}.2", f"{KEY}.2.owner"}
    assert there == mine | {f"{other}.lives", f"{other}.lives.owner", "probe.12345678", "probe.12345678.owner"}


def test_an_attempt_that_lives_is_not_taken_over(tmp_path: Path) -> None:
    with Staging(tmp_path, KEY, "1"), pytest.raises(WorkerFailure) as refused, Staging(tmp_path, KEY, "1"):
        pass
    assert "set another --attempt" in refused.value.message


def test_attempts_without_a_name_get_along(tmp_path: Path) -> None:
    with Staging(tmp_path, KEY, "") as staging:
        assert staging.path.name.endswith(f"-{os.getpid()}")


def test_a_volume_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkerFailure) as refused:
        _publish(tmp_path / "file")
    assert refused.value.reason == Reason.VOLUME_NOT_WRITABLE
    assert str(tmp_path / "file") in refused.value.message


def _raised(call: Callable[[], object], source: Path | None = None) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as failed, volume_errors(Path("/volume"), "write", source):
        call()
    return failed.value


def test_errors_of_the_file_system_have_reasons(tmp_path: Path) -> None:
    full = Path("/dev/full")
    failure = _raised(lambda: full.write_bytes(b"x" * 100_000))
    assert failure.reason == Reason.INSUFFICIENT_SPACE
    assert failure.message.startswith("cannot write as user")
    assert _raised(lambda: (tmp_path / "none").read_text(), tmp_path).reason == Reason.SOURCE_INCOMPLETE
    assert _raised(lambda: tmp_path.read_text(), tmp_path).reason == Reason.SOURCE_CORRUPT
    assert _raised(lambda: (tmp_path / "none").read_text()).reason == Reason.VOLUME_NOT_WRITABLE


def test_an_artifact_whose_bytes_are_known_to_be_wrong_is_replaced_and_no_other(tmp_path: Path) -> None:
    first = _publish(tmp_path, "2026-01-01T00:00:00Z")
    part = tmp_path / KEY / PART
    data = part.read_bytes()
    part.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert _publish(tmp_path, "2026-02-02T00:00:00Z", replaces="0" * 64).completed_at == first.completed_at
    again = _publish(tmp_path, "2026-03-03T00:00:00Z", replaces=first.manifest_digest)
    assert again.completed_at == "2026-03-03T00:00:00Z"
    assert part.read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == [KEY]

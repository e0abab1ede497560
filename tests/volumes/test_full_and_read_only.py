"""Small mounted volumes: full, read-only, and an overlay whose folders cannot be renamed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.artifact.find import find_artifact
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.volume_probe import probe_volume
from shardwright_worker.prepare.disk_space import check_space
from shardwright_worker.publish.publish import publish
from shardwright_worker.publish.staging import Staging
from tests.volumes.mounts import ext4, fill, in_mount_namespace, run, tmpfs
from tools.testing.tiny_files import KEY, write_artifact

Volume = Callable[[Path], Path]
SMALL: dict[str, Volume] = {
    "tmpfs": lambda folder: tmpfs(folder, "512k"),
    "ext4": lambda folder: ext4(folder, 4),
}
small = pytest.mark.parametrize("volume", SMALL.values(), ids=SMALL.keys())


def _publish(output: Path, then: Callable[[Path], object] = lambda _: None) -> None:
    """Publish; `then` is called once everything but the manifest is staged."""
    with Staging(output, KEY, "") as staging:
        manifest = write_artifact(staging.path)
        (staging.path / MANIFEST_NAME).unlink()
        then(output)
        publish(staging, manifest, output / KEY, output, dict)


def _failure(work: Callable[[], object]) -> tuple[Reason, str]:
    with pytest.raises(WorkerFailure) as failed:
        work()
    return failed.value.reason, failed.value.message


@small
def test_a_volume_that_becomes_full_while_publishing(tmp_path: Path, volume: Volume) -> None:
    def work() -> None:
        output = volume(tmp_path / "volume")
        reason, message = _failure(lambda: _publish(output, fill))
        assert reason == Reason.INSUFFICIENT_SPACE
        assert " B are needed, and " in message
        assert f"{output} has " in message
        assert " free of " in message
        assert {path.name for path in output.iterdir()} - {"lost+found"} == {"filler"}
        (output / "filler").unlink()
        _publish(output)
        assert find_artifact(output, KEY, output)

    in_mount_namespace(work)


@small
def test_a_full_volume_is_reported_before_anything_is_written(tmp_path: Path, volume: Volume) -> None:
    def work() -> None:
        output = volume(tmp_path / "volume")
        fill(output)
        assert _failure(lambda: check_space(output, 2**20, "the shards"))[0] == Reason.INSUFFICIENT_SPACE
        reason, message = _failure(lambda: probe_volume(output))
        assert reason == Reason.INSUFFICIENT_SPACE
        assert "has 0 B free of" in message

    in_mount_namespace(work)


def test_a_read_only_volume_is_named_and_still_read(tmp_path: Path) -> None:
    def work() -> None:
        output = ext4(tmp_path / "volume", 4)
        _publish(output)
        run("mount", "-o", "remount,ro", output)
        assert find_artifact(output, KEY, output)
        reason, message = _failure(lambda: probe_volume(output))
        assert reason == Reason.VOLUME_NOT_WRITABLE
        assert "Read-only file system" in message
        assert "it is mounted read-only" in message
        assert _failure(lambda: _publish(output))[0] == Reason.VOLUME_NOT_WRITABLE

    in_mount_namespace(work)


def test_a_volume_that_becomes_read_only_while_publishing(tmp_path: Path) -> None:
    """The kernel remounts a failing disk so."""

    def work() -> None:
        output = ext4(tmp_path / "volume", 4)
        failing = lambda where: run("mount", "-o", "remount,abort", where)  # noqa: E731
        reason, message = _failure(lambda: _publish(output, failing))
        assert reason in (Reason.VOLUME_NOT_WRITABLE, Reason.VOLUME_UNAVAILABLE)
        assert str(output) in message
        assert not (output / KEY).exists()
        run("umount", output)
        run("mount", "-o", "loop", output.with_suffix(".image"), output)
        _publish(output)
        assert find_artifact(output, KEY, output)

    in_mount_namespace(work)


@pytest.mark.parametrize("damaged", [True, False])
def test_folders_of_a_lower_overlay_layer_cannot_be_renamed(tmp_path: Path, damaged: bool) -> None:
    def work() -> None:
        layers = tmpfs(tmp_path / "layers", "8m")
        lower, upper, scratch, output = (layers / name for name in ("lower", "upper", "scratch", "output"))
        for folder in (upper, scratch, output):
            folder.mkdir()
        write_artifact(lower / KEY, created_at="2025-01-01T00:00:00Z")
        if damaged:
            (lower / KEY / "config.json").unlink()
        run("mount", "-t", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={scratch}", "none", output)
        probe_volume(output)
        _publish(output)
        found = find_artifact(output, KEY, output)
        assert found
        assert found.completed_at.startswith("2026" if damaged else "2025")
        assert [path.name for path in output.iterdir()] == [KEY]

    in_mount_namespace(work)


def test_accepts_an_artifact_that_was_copied_between_volumes(tmp_path: Path) -> None:
    def work() -> None:
        one, other = tmpfs(tmp_path / "one", "1m"), ext4(tmp_path / "other", 4)
        _publish(one)
        shutil.copytree(one / KEY, other / KEY)
        assert find_artifact(other, KEY, other)

    in_mount_namespace(work)

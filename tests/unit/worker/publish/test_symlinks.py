"""Symbolic links on the output volume: none leads a worker out of it, or to content of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.cli.main import main
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import Report, read_report
from shardwright_worker.files.nofollow import normalize_path
from shardwright_worker.publish.publish import publish
from shardwright_worker.publish.staging import Staging
from tests.unit.worker.hub_cases import failure, prepare
from tests.volumes.folder_contents import folder_contents
from tools.testing.hub_server import HubServer
from tools.testing.tiny_files import KEY, model_files, write_artifact, write_files

OUTSIDE = ("/../outside", "/a/../../outside", "//../outside", "/./../outside/.", "/..", "/../volume2")


def _prepare(capsys: pytest.CaptureFixture[str], volume: Path, output: str, *more: str) -> Report:
    source = write_files(volume.parent / "model", model_files())
    main(["prepare", "--source", str(source), "--volume-root", str(volume), "--output", output, *more])
    report = read_report(capsys.readouterr().out.splitlines()[-1])
    assert report
    return report


def _publish(output: Path, root: Path) -> None:
    with Staging(output, KEY, "", root) as staging:
        manifest = write_artifact(staging.path)
        (staging.path / MANIFEST_NAME).unlink()
        publish(staging, manifest, output / KEY, root, dict)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("link", ["team", "team/model", "team/model/.staging"])
def test_rejects_an_output_folder_behind_a_link(
    volume: Path, outside: Path, capsys: pytest.CaptureFixture[str], link: str, inside: bool
) -> None:
    target = volume / "another" if inside else outside
    target.mkdir(exist_ok=True)
    (volume / link).parent.mkdir(parents=True, exist_ok=True)
    (volume / link).symlink_to(target)
    before = folder_contents(target)
    report = _prepare(capsys, volume, f"{volume}/team/model", "--history-limit", "1")
    assert report.reason == Reason.VOLUME_NOT_WRITABLE
    assert f"{volume / link} is a symbolic link" in report.message
    with pytest.raises(WorkerFailure) as refused:
        _publish(volume / "team/model", volume)
    assert refused.value.reason == Reason.VOLUME_NOT_WRITABLE
    assert folder_contents(target) == before


def test_does_not_accept_replace_or_prune_an_artifact_that_is_a_link(
    volume: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = _prepare(capsys, volume, str(volume)).key
    write_artifact(outside / key, key=key)
    write_artifact(outside / KEY)
    (volume / key).symlink_to(outside / key)
    (volume / KEY).symlink_to(outside / KEY)
    before = folder_contents(outside)
    report = _prepare(capsys, volume, str(volume))
    assert report.reason == Reason.ARTIFACT_DAMAGED
    assert "is a symbolic link, and links are not followed" in report.message
    with pytest.raises(WorkerFailure) as refused:
        _publish(volume, volume)
    assert refused.value.reason == Reason.ARTIFACT_DAMAGED
    (volume / key).unlink()
    pruned = _prepare(capsys, volume, str(volume), "--history-limit", "1").maintenance.pruned
    assert pruned is not None
    assert pruned.not_removed == [KEY]
    assert folder_contents(outside) == before


@pytest.mark.parametrize("output", OUTSIDE)
def test_rejects_an_output_folder_outside_the_volume(
    volume: Path, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    write_files(volume.parent / "model", model_files())
    before = folder_contents(volume.parent)
    report = _prepare(capsys, volume, f"{volume}{output}")
    assert report.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert "is not inside --volume-root" in report.message
    assert folder_contents(volume.parent) == before


@pytest.mark.parametrize("output", ["//a//b", "/./a/b/", "/a/c/../b", "/../volume/a/b"])
def test_normalizes_the_output_folder(volume: Path, capsys: pytest.CaptureFixture[str], output: str) -> None:
    made = _prepare(capsys, volume, f"/{volume}{output}")
    assert made.succeeded
    assert (volume / "a" / "b").is_dir()
    assert [path.name for path in volume.iterdir()] == ["a"]
    assert normalize_path("//a/./b/../c//") == Path("/a/c")


@pytest.mark.parametrize("name", [".sources", ".sources/{digest}", ".sources/{digest}.partial"])
def test_does_not_download_through_a_link(hub: HubServer, tmp_path: Path, name: str) -> None:
    digest = prepare(hub, tmp_path / "first").source.digest
    outside = tmp_path / "outside"
    outside.mkdir()
    link = tmp_path / name.format(digest=digest)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)
    refused = failure(hub, tmp_path)
    assert refused.reason == Reason.VOLUME_NOT_WRITABLE
    assert f"{link} is a symbolic link" in refused.message
    assert list(outside.iterdir()) == []


def _publish_with_a_link(output: Path, name: str, target: Path) -> None:
    with Staging(output, KEY, "") as staging:
        manifest = write_artifact(staging.path)
        (staging.path / name).unlink()
        (staging.path / name).symlink_to(target)
        publish(staging, manifest, output / KEY, output, dict)


@pytest.mark.parametrize("name", ["config.json", "model-rank-0-part-0.safetensors"])
def test_does_not_publish_a_link_in_the_staging_folder(volume: Path, outside: Path, name: str) -> None:
    before = folder_contents(outside)
    with pytest.raises(WorkerFailure) as refused:
        _publish_with_a_link(volume, name, outside / "theirs")
    assert refused.value.reason == Reason.ARTIFACT_DAMAGED
    assert folder_contents(outside) == before
    assert list(volume.iterdir()) == []


def test_does_not_write_the_manifest_through_a_link(volume: Path, outside: Path) -> None:
    before = folder_contents(outside)
    _publish_with_a_link(volume, MANIFEST_NAME, outside / "theirs")
    assert folder_contents(outside) == before
    assert not (volume / KEY / MANIFEST_NAME).is_symlink()


def test_does_not_write_the_lock_file_through_a_link(volume: Path, outside: Path) -> None:
    (volume / ".staging").mkdir()
    (volume / ".staging" / f"{KEY}.one.owner").symlink_to(outside / "theirs")
    before = folder_contents(outside)
    with pytest.raises(WorkerFailure) as refused, Staging(volume, KEY, "one"):
        pass
    assert refused.value.reason == Reason.VOLUME_NOT_WRITABLE
    assert folder_contents(outside) == before

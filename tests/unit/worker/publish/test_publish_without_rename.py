"""Publishing file by file, where folders cannot be renamed."""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.artifact.find import find_artifact
from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.files.file_modes import set_mode
from shardwright_worker.publish import publish
from shardwright_worker.publish.publish_without_rename import move_files_into
from tests.unit.worker.volume_cases import PreparedVolume
from tests.volumes.worker_process import CREATED_AT, publish_one
from tools.testing.tiny_files import KEY, write_artifact

MODULE = "shardwright_worker.publish.publish_without_rename"
PART = "model-rank-0-part-0.safetensors"


def test_completes_a_folder_with_a_partial_file(tmp_path: Path) -> None:
    source, target = tmp_path / "staged", tmp_path / KEY
    write_artifact(source)
    target.mkdir()
    (target / PART).write_bytes(b"half")
    assert find_artifact(tmp_path, KEY, tmp_path) is None
    move_files_into(target, source)
    assert find_artifact(tmp_path, KEY, tmp_path) is not None
    assert not list(source.iterdir())


def test_changes_nothing_if_the_artifact_is_published_already(tmp_path: Path) -> None:
    write_artifact(tmp_path / KEY, created_at="2026-01-01T00:00:00Z")
    write_artifact(tmp_path / "staged", created_at="2026-02-02T00:00:00Z")
    move_files_into(tmp_path / KEY, tmp_path / "staged")
    assert read_manifest(tmp_path / KEY).created_at == "2026-01-01T00:00:00Z"


def test_continues_an_interrupted_move(prepared: PreparedVolume) -> None:
    prepared.write()
    (prepared.folder / MANIFEST_NAME).rename(prepared.folder / (MANIFEST_NAME + ".moving"))
    (prepared.folder / "config.json").unlink()
    report = prepared.prepare()
    assert (report.succeeded, report.artifact) == (True, None)
    prepared.publish()
    assert prepared.prepare().artifact
    assert sorted(path.name for path in prepared.folder.iterdir()) == sorted([MANIFEST_NAME, "config.json", PART])


def test_does_not_mix_files_of_an_interrupted_move_of_other_bytes(prepared: PreparedVolume) -> None:
    prepared.write()
    (prepared.folder / "config.json").write_text("{}")
    text = (prepared.folder / MANIFEST_NAME).read_text().replace("0.32.0", "0.31.0")
    (prepared.folder / (MANIFEST_NAME + ".moving")).write_text(text)
    (prepared.folder / MANIFEST_NAME).unlink()
    prepared.publish()
    report = prepared.prepare("--deep")
    assert report.artifact
    assert report.artifact.vllm_version == "0.32.0"


def test_another_worker_waits_while_files_are_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take the folder that was just made for one that a kubelet made, and remove it."""

    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(source), None, str(target))

    monkeypatch.setattr(os, "rename", refuse)
    monkeypatch.setattr(publish, "rename_folder", lambda _source, _target: False)
    results: list[str] = []
    waits_or_ends = threading.Event()

    def publish_the_other() -> None:
        results.append(publish_one(tmp_path, attempt="b"))
        waits_or_ends.set()

    other, sleep = threading.Thread(target=publish_the_other), time.sleep

    def wait(seconds: float) -> None:
        waits_or_ends.set()
        sleep(seconds)

    def let_the_other_go_on(*arguments: Any) -> None:
        monkeypatch.setattr(f"{MODULE}.set_mode", set_mode)
        monkeypatch.setattr(time, "sleep", wait)
        other.start()
        assert waits_or_ends.wait(60)
        set_mode(*arguments)

    monkeypatch.setattr(f"{MODULE}.set_mode", let_the_other_go_on)
    assert publish_one(tmp_path, attempt="a") == CREATED_AT
    other.join(60)
    assert results == [CREATED_AT]
    assert [path.name for path in tmp_path.iterdir()] == [KEY]

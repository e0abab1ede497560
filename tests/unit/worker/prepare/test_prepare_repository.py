"""The prepare stage on repositories: as much as possible is checked before the weights are downloaded."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.hub.hub_request import HubRequest
from shardwright_worker.prepare.prepare_repository import prepare_repository
from shardwright_worker.reporting.progress_output import ignore_progress
from tests.unit.worker.hub_cases import failure, layout, prepare, repository
from tools.testing.hub_server import HubServer
from tools.testing.tiny_files import CONFIG, FIRST, INDEX, SECOND, model_files


def test_rejects_settings_before_the_weights_are_downloaded(hub: HubServer, tmp_path: Path) -> None:
    repository(hub).files["config.json"] = json.dumps({**CONFIG, "num_attention_heads": 5}).encode()
    with pytest.raises(WorkerFailure) as caught:
        prepare_repository(
            HubRequest("org/model", "main", hub.url), layout(tmp_path, tensor_parallel_size=2), ignore_progress
        )
    assert caught.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert not hub.downloads(FIRST)


def test_names_a_file_of_the_index_that_the_repository_lacks(hub: HubServer, tmp_path: Path) -> None:
    del repository(hub).files[SECOND]
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.SOURCE_INCOMPLETE
    assert f"{SECOND}: referenced in {INDEX} but missing" in failed.message
    assert not hub.downloads(FIRST)


def test_a_full_volume_is_reported_before_any_download(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs(tmp_path)
    space_for_the_shards_only = os.statvfs_result((real[0], 1000, real[2], real[3], 1, *real[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _path: space_for_the_shards_only)
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.INSUFFICIENT_SPACE
    assert "the source and its shards need" in failed.message
    assert not hub.downloads("config.json")


def test_the_space_for_a_wider_dtype_is_checked_before_the_weights_are_downloaded(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(hub).files = model_files()
    weights = sum(len(model_files()[name]) for name in (FIRST, SECOND))
    enough = int((sum(len(content) for content in model_files().values()) + weights) * 1.05) + 100
    real = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result((1, 1, enough, enough, enough, *real[5:])))
    with pytest.raises(WorkerFailure) as caught:
        prepare_repository(HubRequest("org/model", "main", hub.url), layout(tmp_path, dtype="float32"), ignore_progress)
    assert caught.value.reason == Reason.INSUFFICIENT_SPACE
    assert "the source and its shards need" in caught.value.message
    assert hub.downloads("config.json")
    assert not hub.downloads(FIRST)
    assert prepare(hub, tmp_path).files

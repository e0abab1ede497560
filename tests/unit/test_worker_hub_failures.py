"""Everything that a hub may refuse or get wrong has its own reason."""

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
from tests.unit.hub_cases import failure, layout, prepare, repository
from tools.testing.hub_handler import TOKEN
from tools.testing.hub_server import HubServer
from tools.testing.tiny_files import CONFIG, FIRST, INDEX, SECOND, model_files
from tools.testing.unprivileged import run_unprivileged


def test_small_files_come_first_and_can_end_it_before_the_weights(hub: HubServer, tmp_path: Path) -> None:
    repository(hub).files["config.json"] = json.dumps({**CONFIG, "num_attention_heads": 5}).encode()
    with pytest.raises(WorkerFailure) as caught:
        prepare_repository(
            HubRequest("org/model", "main", hub.url), layout(tmp_path, tensor_parallel_size=2), ignore_progress
        )
    assert caught.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert not hub.downloads(FIRST)


def test_a_file_that_the_index_names_and_the_repository_lacks(hub: HubServer, tmp_path: Path) -> None:
    del repository(hub).files[SECOND]
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.SOURCE_INCOMPLETE
    assert f"{SECOND}: referenced in {INDEX} but missing" in failed.message
    assert not hub.downloads(FIRST)


@pytest.mark.parametrize(("name", "omits"), [(SECOND, set()), (SECOND, {"lfs", "tree"}), ("config.json", set())])
def test_bytes_that_are_not_what_the_hub_states(hub: HubServer, tmp_path: Path, name: str, omits: set[str]) -> None:
    hub.faults.wrong.add(name)
    hub.faults.omits = omits
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.TRANSFER_FAILED
    assert f"{name} arrived with SHA-256" in failed.message


def test_unknown_revisions_and_repositories(hub: HubServer, tmp_path: Path) -> None:
    failed = failure(hub, tmp_path, revision="v9")
    assert failed.reason == Reason.REVISION_NOT_FOUND
    assert "org/model has no branch, tag or commit 'v9'" in failed.message
    assert failure(hub, tmp_path, repo="org/other", token=TOKEN).reason == Reason.SOURCE_NOT_FOUND
    assert failure(hub, tmp_path, repo="org/other").reason == Reason.SOURCE_UNAUTHORIZED
    assert failure(hub, tmp_path, repo="a/b/c").reason == Reason.SOURCE_NOT_FOUND


def test_tokens(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    repository(hub).private = True
    assert failure(hub, tmp_path).reason == Reason.SOURCE_UNAUTHORIZED
    refused = failure(hub, tmp_path, token="hf_wrong")
    assert refused.reason == Reason.SOURCE_UNAUTHORIZED
    assert "rejected the token" in refused.message
    assert prepare(hub, tmp_path, token=TOKEN).files


def test_gated_repositories(hub: HubServer, tmp_path: Path) -> None:
    repository(hub).gated = True
    for token, words in ((TOKEN, "has no access"), ("", "provide a token")):
        failed = failure(hub, tmp_path, token=token)
        assert failed.reason == Reason.SOURCE_GATED
        assert words in failed.message
        assert f"{hub.url}/org/model" in failed.message


def test_a_hub_that_is_down_or_busy(hub: HubServer, tmp_path: Path) -> None:
    for status in (429, 502, 503):
        hub.faults.statuses["/api/models"] = status
        failed = failure(hub, tmp_path)
        assert failed.reason == Reason.SOURCE_UNAVAILABLE
        assert f"status {status}" in failed.message
    with pytest.raises(WorkerFailure) as caught:
        prepare_repository(HubRequest("org/model", "main", "http://127.0.0.1:9"), layout(tmp_path), ignore_progress)
    assert caught.value.reason == Reason.SOURCE_UNAVAILABLE


def test_names_that_leave_the_folder_are_refused(hub: HubServer, tmp_path: Path) -> None:
    repository(hub).files["../../evil.json"] = b"{}"
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.SOURCE_CORRUPT
    assert "is outside its folder" in failed.message


def test_too_little_room_is_known_before_anything_comes(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs(tmp_path)
    room_for_the_shards_alone = os.statvfs_result((real[0], 1000, real[2], real[3], 1, *real[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _path: room_for_the_shards_alone)
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.INSUFFICIENT_SPACE
    assert "the source and its shards need" in failed.message
    assert not hub.downloads("config.json")


def test_a_wider_dtype_needs_more_room_and_that_is_known_before_the_weights_come(
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


def test_a_folder_of_sources_that_may_not_be_written(hub: HubServer, open_folder: Path) -> None:
    (open_folder / ".sources").mkdir(0o755)
    (open_folder / "out").mkdir()
    (open_folder / "out").chmod(0o777)

    def attempt() -> tuple[str, str]:
        failed = failure(hub, open_folder)
        return failed.reason, failed.message

    reason, message = run_unprivileged(attempt)
    assert reason == Reason.VOLUME_NOT_WRITABLE
    assert "cannot keep the source" in message

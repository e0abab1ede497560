"""Failure reasons of errors of the Hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.hub.hub_request import HubRequest
from shardwright_worker.prepare.prepare_repository import prepare_repository
from shardwright_worker.reporting.progress_output import ignore_progress
from tests.unit.worker.hub_cases import failure, layout, prepare, repository
from tools.testing.hub_handler import TOKEN
from tools.testing.hub_server import HubServer


def test_unknown_revisions_and_repositories(hub: HubServer, tmp_path: Path) -> None:
    failed = failure(hub, tmp_path, revision="v9")
    assert failed.reason == Reason.REVISION_NOT_FOUND
    assert "org/model has no branch, tag or commit 'v9'" in failed.message
    assert failure(hub, tmp_path, repo="org/other", token=TOKEN).reason == Reason.SOURCE_NOT_FOUND
    assert failure(hub, tmp_path, repo="org/other").reason == Reason.SOURCE_UNAUTHORIZED
    assert failure(hub, tmp_path, repo="a/b/c").reason == Reason.SOURCE_NOT_FOUND


def test_missing_and_wrong_tokens(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_an_endpoint_that_is_down_or_overloaded(hub: HubServer, tmp_path: Path) -> None:
    for status in (429, 502, 503):
        hub.faults.statuses["/api/models"] = status
        failed = failure(hub, tmp_path)
        assert failed.reason == Reason.SOURCE_UNAVAILABLE
        assert f"status {status}" in failed.message
    with pytest.raises(WorkerFailure) as caught:
        prepare_repository(HubRequest("org/model", "main", "http://127.0.0.1:9"), layout(tmp_path), ignore_progress)
    assert caught.value.reason == Reason.SOURCE_UNAVAILABLE

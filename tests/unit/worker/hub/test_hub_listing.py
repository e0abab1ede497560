"""Listings of the Hub and of mirrors that omit values."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from shardwright_worker.contract.reasons import Reason
from tests.unit.worker.hub_cases import failure, prepare, repository
from tools.testing.hub_server import HubServer
from tools.testing.tiny_files import FIRST, model_files


@pytest.mark.parametrize(
    "omits",
    [
        {"size"},
        {"blobId"},
        {"lfs"},
        {"lfs", "tree"},
        {"siblings"},
        {"sha"},
        {"size", "tree"},
        {"size", "blobId", "lfs", "tree"},
        {"size", "blobId", "lfs", "tree", "head"},
        {"size", "blobId", "lfs", "sha", "tree"},
    ],
    ids=lambda omits: "-".join(sorted(omits)),
)
def test_finds_values_that_a_mirror_omits_by_other_calls(hub: HubServer, tmp_path: Path, omits: set[str]) -> None:
    hub.faults.omits = omits
    prepared = prepare(hub, tmp_path)
    for name, content in model_files().items():
        assert (prepared.folder / name).read_bytes() == content
    assert prepared.source.revision == repository(hub).commit
    stated = {file.name: file.sha256 for file in prepared.files or []}
    assert stated[FIRST] == hashlib.sha256(model_files()[FIRST]).hexdigest()
    again = prepare(hub, tmp_path)
    assert again.files == prepared.files


def test_names_the_value_that_no_call_returns(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.omits = {"sha", "head"}
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.REVISION_NOT_FOUND
    assert "its response has no sha" in failed.message
    assert prepare(hub, tmp_path, revision=repository(hub).commit).source.revision == repository(hub).commit
    hub.faults.omits = {"siblings", "tree"}
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.SOURCE_UNAVAILABLE
    assert "no list called siblings" in failed.message


def test_rejects_file_names_outside_the_folder(hub: HubServer, tmp_path: Path) -> None:
    repository(hub).files["../../evil.json"] = b"{}"
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.SOURCE_CORRUPT
    assert "is outside its folder" in failed.message

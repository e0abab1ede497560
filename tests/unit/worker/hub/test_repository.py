"""Resolving a repository: the commit, and the files to download."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.contract.reasons import Reason
from tests.unit.worker.hub_cases import failure, prepare, repository
from tools.testing.hub_server import HubServer


@pytest.mark.parametrize("omits", [{"blobId", "lfs", "tree"}, {"blobId", "lfs", "tree", "head"}])
def test_rejects_a_mutable_revision_without_digests(hub: HubServer, tmp_path: Path, omits: set[str]) -> None:
    repository(hub).stated_commit = "latest-snapshot"
    first = prepare(hub, tmp_path)
    config = repository(hub).files["config.json"]
    repository(hub).files["config.json"] = config + b"\n"
    second = prepare(hub, tmp_path)
    assert second.key != first.key
    assert (second.folder / "config.json").read_bytes() == config + b"\n"
    hub.faults.omits = omits
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.REVISION_NOT_FOUND
    assert "'latest-snapshot', which is not a commit" in failed.message
    commit = repository(hub).commit
    assert prepare(hub, tmp_path, revision=commit).source.revision == commit


@pytest.mark.parametrize(
    ("name", "words"), [("a\nb.json", "rename it"), ("config.json/x.json", "a folder of that name")]
)
def test_rejects_file_names_that_no_folder_can_hold(hub: HubServer, tmp_path: Path, name: str, words: str) -> None:
    repository(hub).files[name] = b"{}"
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.SOURCE_CORRUPT
    assert words in failed.message

"""Repositories of a hub, fetched by the real client from a hub on loopback."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import SOURCES_FOLDER
from shardwright_worker.contract.progress import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.hugging_face import RECORD, HubRequest, quiet_client
from shardwright_worker.prepare.run import Layout, Prepared, prepare_repository
from shardwright_worker.prepare.selection import chosen
from shardwright_worker.terminal import silent
from tests.harness.hub import TOKEN, Hub, Repository
from tests.harness.tiny_files import CONFIG, FIRST, INDEX, SECOND, model_files, write_artifact

OTHERS = {
    "README.md": b"hello",
    "original/consolidated.00.pth": b"x",
    "model.gguf": b"x",
    "onnx/model.onnx": b"x",
    "pytorch_model.bin": b"x",
    "logo.png": b"x",
    ".gitattributes": b"x",
}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub(org__model=Repository({**model_files(), **OTHERS})) as running:
        yield running


def repository(hub: Hub) -> Repository:
    return hub.repositories["org/model"]


def layout(root: Path, **engine: object) -> Layout:
    return Layout(EngineSettings(**engine), root / "out", root)


def prepare(hub: Hub, root: Path, *, token: str = "", revision: str = "main", repo: str = "org/model") -> Prepared:
    request = HubRequest(repo, revision, hub.url, token=token)
    return prepare_repository(request, layout(root), silent)


def failure(hub: Hub, root: Path, *, token: str = "", revision: str = "main", repo: str = "org/model") -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        prepare(hub, root, token=token, revision=revision, repo=repo)
    return caught.value


def test_a_repository_is_resolved_fetched_and_checked(hub: Hub, tmp_path: Path) -> None:
    prepared = prepare(hub, tmp_path)
    folder = tmp_path / SOURCES_FOLDER / prepared.source.digest
    assert prepared.source.path == f"{SOURCES_FOLDER}/{prepared.source.digest}"
    assert prepared.source.revision == repository(hub).commit
    assert prepared.source.volume == "output"
    names = {path.name for path in folder.iterdir()}
    assert names == {*model_files(), "README.md", RECORD}
    for name, content in model_files().items():
        assert (folder / name).read_bytes() == content
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o644
    assert not list(folder.parent.glob("*.partial"))
    assert prepared.files is not None
    assert {file.name for file in prepared.files} == {*model_files(), "README.md"}
    assert prepared.artifact is None


def test_small_files_come_first_and_can_end_it_before_the_weights(hub: Hub, tmp_path: Path) -> None:
    repository(hub).files["config.json"] = json.dumps({**CONFIG, "num_attention_heads": 5}).encode()
    with pytest.raises(WorkerFailure) as caught:
        prepare_repository(HubRequest("org/model", "main", hub.url), layout(tmp_path, tensor_parallel_size=2), silent)
    assert caught.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert not hub.downloads(FIRST)


def test_a_file_that_the_index_names_and_the_repository_lacks(hub: Hub, tmp_path: Path) -> None:
    del repository(hub).files[SECOND]
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.SOURCE_INCOMPLETE
    assert f"{SECOND}: referenced in {INDEX} but missing" in failed.message
    assert not hub.downloads(FIRST)


def test_what_is_there_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    first = prepare(hub, tmp_path)
    hub.requests.clear()
    assert prepare(hub, tmp_path, revision=repository(hub).commit) == first
    assert not [request for request in hub.requests if "/resolve/" in request.path]


def test_a_source_that_lost_a_file_gets_it_back(hub: Hub, tmp_path: Path) -> None:
    first = prepare(hub, tmp_path)
    (first.folder / SECOND).unlink()
    hub.requests.clear()
    assert prepare(hub, tmp_path) == first
    assert (first.folder / SECOND).exists()
    assert not hub.downloads(FIRST)


def test_a_finished_artifact_needs_no_source(hub: Hub, tmp_path: Path) -> None:
    key = prepare(hub, tmp_path).key
    write_artifact(tmp_path / "out" / key, key=key)
    other = tmp_path / "other"
    write_artifact(other / "out" / key, key=key)
    prepared = prepare(hub, other)
    assert prepared.artifact is not None
    assert prepared.files is None
    assert not (other / SOURCES_FOLDER).exists()


def test_another_commit_is_another_source(hub: Hub, tmp_path: Path) -> None:
    first = prepare(hub, tmp_path)
    repository(hub).files["generation_config.json"] = b"{}"
    second = prepare(hub, tmp_path)
    assert first.source.digest != second.source.digest
    assert first.key != second.key


def test_a_download_that_is_cut_in_the_middle_goes_on(
    hub: Hub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    quiet_client()
    hub.faults.cuts[f"{FIRST}"] = [100]
    prepared = prepare(hub, tmp_path)
    assert (prepared.folder / FIRST).read_bytes() == model_files()[FIRST]
    assert any(record.levelno == logging.WARNING for record in caplog.records)


def test_the_next_run_goes_on_where_one_stopped(hub: Hub, tmp_path: Path) -> None:
    hub.faults.statuses[f"/storage/org/model|{SECOND}"] = 500
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.TRANSFER_FAILED
    partial = next((tmp_path / SOURCES_FOLDER).glob("*.partial"))
    (partial / SECOND).write_bytes(model_files()[SECOND][:50])
    hub.faults.statuses.clear()
    hub.requests.clear()
    prepared = prepare(hub, tmp_path)
    assert (prepared.folder / SECOND).read_bytes() == model_files()[SECOND]
    starts = [request.start for request in hub.requests if request.path.endswith(f"|{SECOND}")]
    assert starts == [50]
    assert not hub.downloads(FIRST)


def test_what_an_earlier_run_left_damaged_is_fetched_anew(hub: Hub, tmp_path: Path) -> None:
    hub.faults.statuses[f"/storage/org/model|{SECOND}"] = 500
    failure(hub, tmp_path)
    partial = next((tmp_path / SOURCES_FOLDER).glob("*.partial"))
    (partial / SECOND).write_bytes(b"x" * 50)
    (partial / FIRST).write_bytes(b"y" * (len(model_files()[FIRST]) + 1))
    hub.faults.statuses.clear()
    prepared = prepare(hub, tmp_path)
    for name in (FIRST, SECOND):
        assert (prepared.folder / name).read_bytes() == model_files()[name]


@pytest.mark.parametrize("name", [SECOND, "config.json"])
def test_bytes_that_are_not_what_the_hub_states(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.faults.wrong.add(name)
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.TRANSFER_FAILED
    assert f"{name} arrived with SHA-256" in failed.message


def test_progress_ends_at_the_size_of_the_source(hub: Hub, tmp_path: Path) -> None:
    seen: list[Progress] = []
    prepared = prepare_repository(HubRequest("org/model", "main", hub.url), layout(tmp_path), seen.append)
    last = [each for each in seen if each.stage == Stage.DOWNLOADING][-1]
    assert last.bytes_done == last.bytes_total == prepared.source.bytes


def test_unknown_revisions_and_repositories(hub: Hub, tmp_path: Path) -> None:
    failed = failure(hub, tmp_path, revision="v9")
    assert failed.reason == Reason.REVISION_NOT_FOUND
    assert "org/model has no branch, tag or commit 'v9'" in failed.message
    assert failure(hub, tmp_path, repo="org/other", token=TOKEN).reason == Reason.SOURCE_NOT_FOUND
    assert failure(hub, tmp_path, repo="org/other").reason == Reason.SOURCE_UNAUTHORIZED
    assert failure(hub, tmp_path, repo="a/b/c").reason == Reason.SOURCE_NOT_FOUND


def test_tokens(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    repository(hub).private = True
    assert failure(hub, tmp_path).reason == Reason.SOURCE_UNAUTHORIZED
    refused = failure(hub, tmp_path, token="hf_wrong")
    assert refused.reason == Reason.SOURCE_UNAUTHORIZED
    assert "refused the token" in refused.message
    assert prepare(hub, tmp_path, token=TOKEN).files


def test_gated_repositories(hub: Hub, tmp_path: Path) -> None:
    repository(hub).gated = True
    for token, words in ((TOKEN, "has no access"), ("", "give a token")):
        failed = failure(hub, tmp_path, token=token)
        assert failed.reason == Reason.SOURCE_GATED
        assert words in failed.message
        assert f"{hub.url}/org/model" in failed.message


def test_a_hub_that_is_down_or_busy(hub: Hub, tmp_path: Path) -> None:
    for status in (429, 502, 503):
        hub.faults.statuses["/api/models"] = status
        failed = failure(hub, tmp_path)
        assert failed.reason == Reason.SOURCE_UNAVAILABLE
        assert f"status {status}" in failed.message
    with pytest.raises(WorkerFailure) as caught:
        prepare_repository(HubRequest("org/model", "main", "http://127.0.0.1:9"), layout(tmp_path), silent)
    assert caught.value.reason == Reason.SOURCE_UNAVAILABLE


def test_names_that_leave_the_folder_are_refused(hub: Hub, tmp_path: Path) -> None:
    repository(hub).files["../../evil.json"] = b"{}"
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.SOURCE_CORRUPT
    assert "leaves its folder" in failed.message


def test_too_little_room_is_known_before_anything_comes(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    real = os.statvfs(tmp_path)
    full = os.statvfs_result((*real[:2], real[2], real[3], 0, *real[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _path: full)
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.INSUFFICIENT_SPACE
    assert "the source and its shards need" in failed.message
    assert not hub.downloads("config.json")


def test_which_files_are_chosen() -> None:
    names = [*model_files(), *OTHERS, "tokenizer.model", "modeling_custom.py", "1_Pooling/config.json"]
    usual = {*model_files(), "README.md", "tokenizer.model", "modeling_custom.py", "1_Pooling/config.json"}
    assert set(chosen(names, [], [], {})) == usual
    assert set(chosen(names, [], ["*.md", "1_Pooling/"], {})) == usual - {"README.md", "1_Pooling/config.json"}
    assert chosen(names, ["*.safetensors", "original/*"], ["*.pth"], {}) == [FIRST, SECOND]
    mistral = ["config.json", "params.json", "consolidated.safetensors", "model-1.safetensors"]
    assert "consolidated.safetensors" not in chosen(mistral, [], [], {})
    assert "model-1.safetensors" not in chosen(mistral, [], [], {"config_format": "mistral"})
    pickles = ["a.bin", "b.safetensors", "c.pt"]
    assert chosen(pickles, [], [], {}) == ["b.safetensors"]
    assert chosen(pickles, [], [], {"load_format": "pt"}) == ["a.bin", "c.pt"]

"""Downloads of a repository by the real client from a Hub on loopback."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.naming import SOURCES_FOLDER
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.hub.download_record import RECORD
from shardwright_worker.hub.hub_request import HubRequest
from shardwright_worker.hub.repository import configure_client_logging
from shardwright_worker.prepare.prepare_repository import prepare_repository
from tests.unit.worker.hub_cases import failure, layout, prepare, repository
from tools.testing.hub_server import HubServer
from tools.testing.tiny_files import FIRST, SECOND, model_files, write_artifact
from tools.testing.unprivileged import run_unprivileged


def test_downloads_and_checks_a_repository(hub: HubServer, tmp_path: Path) -> None:
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


def test_does_not_download_a_finished_source_again(hub: HubServer, tmp_path: Path) -> None:
    first = prepare(hub, tmp_path)
    hub.requests.clear()
    assert prepare(hub, tmp_path, revision=repository(hub).commit) == first
    assert not [request for request in hub.requests if "/resolve/" in request.path]


def test_downloads_only_a_file_that_is_missing(hub: HubServer, tmp_path: Path) -> None:
    first = prepare(hub, tmp_path)
    (first.folder / SECOND).unlink()
    hub.requests.clear()
    assert prepare(hub, tmp_path).files == first.files
    assert (first.folder / SECOND).exists()
    assert not hub.downloads(FIRST)


def test_does_not_download_the_source_of_a_finished_artifact(hub: HubServer, tmp_path: Path) -> None:
    key, source, *_ = prepare(hub, tmp_path)
    other = tmp_path / "other"
    write_artifact(other / "out" / key, settings=EngineSettings(), source_digest=source.digest, image="")
    prepared = prepare(hub, other)
    assert prepared.artifact is not None
    assert prepared.files is None
    assert not (other / SOURCES_FOLDER).exists()


def test_another_commit_is_another_source(hub: HubServer, tmp_path: Path) -> None:
    first = prepare(hub, tmp_path)
    repository(hub).files["generation_config.json"] = b"{}"
    second = prepare(hub, tmp_path)
    assert first.source.digest != second.source.digest
    assert first.key != second.key


def test_resumes_an_interrupted_connection(hub: HubServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    configure_client_logging()
    hub.faults.cuts[f"{FIRST}"] = [100]
    prepared = prepare(hub, tmp_path)
    assert (prepared.folder / FIRST).read_bytes() == model_files()[FIRST]
    assert any(record.levelno == logging.WARNING for record in caplog.records)


def test_resumes_the_partial_files_of_an_earlier_run(hub: HubServer, tmp_path: Path) -> None:
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


def test_downloads_damaged_partial_files_from_the_start(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.statuses[f"/storage/org/model|{SECOND}"] = 500
    failure(hub, tmp_path)
    partial = next((tmp_path / SOURCES_FOLDER).glob("*.partial"))
    (partial / SECOND).write_bytes(b"x" * 50)
    (partial / FIRST).write_bytes(b"y" * (len(model_files()[FIRST]) + 1))
    hub.faults.statuses.clear()
    prepared = prepare(hub, tmp_path)
    for name in (FIRST, SECOND):
        assert (prepared.folder / name).read_bytes() == model_files()[name]


def test_progress_ends_at_the_size_of_the_source(hub: HubServer, tmp_path: Path) -> None:
    seen: list[Progress] = []
    prepared = prepare_repository(HubRequest("org/model", "main", hub.url), layout(tmp_path), seen.append)
    last = [each for each in seen if each.stage == Stage.DOWNLOADING][-1]
    assert last.bytes_done == last.bytes_total == prepared.source.bytes


def test_names_a_sources_folder_that_is_not_writable(hub: HubServer, open_folder: Path) -> None:
    (open_folder / ".sources").mkdir(0o755)
    (open_folder / "out").mkdir()
    (open_folder / "out").chmod(0o777)

    def attempt() -> tuple[str, str]:
        failed = failure(hub, open_folder)
        return failed.reason, failed.message

    reason, message = run_unprivileged(attempt)
    assert reason == Reason.VOLUME_NOT_WRITABLE
    assert "cannot keep the source" in message

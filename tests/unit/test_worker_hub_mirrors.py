"""Mirrors that leave things out, hubs that state what is not so, and hubs that ask to be left alone."""

from __future__ import annotations

import email.utils
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.hub.retry_after import MAX_WAIT, retry_after_seconds
from shardwright_worker.reporting.final_report import failure_report
from tests.unit.hub_cases import failure, prepare, repository
from tools.testing.hub_server import HubServer
from tools.testing.tiny_files import FIRST, SECOND, model_files

DAY = 24 * 3600


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
def test_what_a_mirror_leaves_out_is_found_elsewhere_or_not_needed(
    hub: HubServer, tmp_path: Path, omits: set[str]
) -> None:
    hub.faults.omits = omits
    prepared = prepare(hub, tmp_path)
    for name, content in model_files().items():
        assert (prepared.folder / name).read_bytes() == content
    assert prepared.source.revision == repository(hub).commit
    stated = {file.name: file.sha256 for file in prepared.files or []}
    assert stated[FIRST] == hashlib.sha256(model_files()[FIRST]).hexdigest()
    again = prepare(hub, tmp_path)
    assert again.files == prepared.files


def test_what_is_found_nowhere_is_named(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.omits = {"sha", "head"}
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.REVISION_NOT_FOUND
    assert "its response has no sha" in failed.message
    assert prepare(hub, tmp_path, revision=repository(hub).commit).source.revision == repository(hub).commit
    hub.faults.omits = {"siblings", "tree"}
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.SOURCE_UNAVAILABLE
    assert "no list called siblings" in failed.message


SILENT = {"size", "blobId", "lfs", "tree", "links"}
ETAGS: dict[str, Callable[[bytes], str]] = {
    "sha1": lambda data: hashlib.sha1(data).hexdigest(),
    "anything": lambda data: hashlib.sha1(b"1760000000" + data).hexdigest(),
    "short": lambda _data: "abc-1",
}


@pytest.mark.parametrize("etag", ETAGS.values(), ids=ETAGS)
def test_an_etag_is_a_hint(hub: HubServer, tmp_path: Path, etag: Callable[[bytes], str]) -> None:
    hub.faults.omits, hub.faults.etag = SILENT, etag
    first = prepare(hub, tmp_path)
    assert (first.folder / SECOND).read_bytes() == model_files()[SECOND]
    hub.faults.etag = lambda data: hashlib.sha1(data[::-1]).hexdigest()
    assert prepare(hub, tmp_path).key == first.key


def test_what_an_etag_does_not_confirm_is_not_gone_on_from(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.omits, hub.faults.etag = SILENT, ETAGS["sha1"]
    hub.faults.cuts[SECOND] = [50] * 9
    failure(hub, tmp_path)
    hub.faults.cuts.clear()
    (partial,) = (tmp_path / ".sources").glob("*.partial")
    (partial / SECOND).write_bytes(b"bad" + model_files()[SECOND][3:50])
    hub.requests.clear()
    assert (prepare(hub, tmp_path).folder / SECOND).read_bytes() == model_files()[SECOND]
    assert [request.start for request in hub.downloads(SECOND)] == [50, 0]


def test_a_checksum_that_is_stated_is_held_to(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.omits, hub.faults.etag, hub.faults.checksums = SILENT, ETAGS["sha1"], True
    hub.faults.wrong = {SECOND}
    assert failure(hub, tmp_path).reason == Reason.TRANSFER_FAILED
    hub.faults.wrong = set()
    assert prepare(hub, tmp_path).files


@pytest.mark.parametrize("omits", [{"blobId", "lfs", "tree"}, {"blobId", "lfs", "tree", "head"}])
def test_a_name_that_moves_is_no_commit_unless_contents_are_stated(
    hub: HubServer, tmp_path: Path, omits: set[str]
) -> None:
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


@pytest.mark.parametrize("size", [-5, 10**30, "many", None, True])
def test_a_size_that_cannot_be_is_asked_for_again(hub: HubServer, tmp_path: Path, size: object) -> None:
    hub.faults.sizes[SECOND] = size
    assert (prepare(hub, tmp_path).folder / SECOND).read_bytes() == model_files()[SECOND]


@pytest.mark.parametrize(
    ("size", "words"), [(10, "is larger than the 10 bytes that the Hub states"), (5000, "ended early")]
)
def test_a_size_that_is_not_so_ends_it_with_words(hub: HubServer, tmp_path: Path, size: int, words: str) -> None:
    hub.faults.sizes[SECOND] = size
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.TRANSFER_FAILED
    assert words in failed.message


def test_a_long_wait_is_left_to_the_next_attempt_and_said(hub: HubServer, tmp_path: Path) -> None:
    for place in ("/api/models", f"/resolve/{repository(hub).commit}/config.json", f"|{SECOND}"):
        hub.faults.statuses = {place: 429}
        hub.faults.retry_after = "300"
        started = time.monotonic()
        failed = failure(hub, tmp_path / place.strip("/|"))
        assert time.monotonic() - started < 20
        assert failed.reason == Reason.SOURCE_UNAVAILABLE
        assert "with Retry-After 300 seconds, until 20" in failed.message
        assert failure_report("Prepare", failed, set()).retry_after_seconds == 300


def test_a_short_wait_is_waited_for(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.statuses, hub.faults.retry_after, hub.faults.failures = {"/api/models": 503}, "0", 2
    assert prepare(hub, tmp_path).files
    hub.faults.statuses, hub.faults.failures = {f"|{SECOND}": 429}, 1
    assert prepare(hub, tmp_path / "other").files


def test_what_the_header_may_say() -> None:
    assert retry_after_seconds({"retry-after": "120"}) == 120
    assert retry_after_seconds({"Retry-After": "1.5"}) == 1.5
    in_a_minute = retry_after_seconds({"Retry-After": email.utils.formatdate(time.time() + 60, usegmt=True)})
    assert in_a_minute is not None
    assert 55 < in_a_minute <= 60
    assert retry_after_seconds({"Retry-After": email.utils.formatdate(time.time() - DAY, usegmt=True)}) == 0
    assert retry_after_seconds({"RateLimit": '"api";r=0;t=55'}) == 55
    assert retry_after_seconds({"RateLimit": '"api";r=3;t=55'}) is None
    for absurd in ("9" * 300, "9" * 400, "1" + "0" * 12, email.utils.formatdate(time.time() + 1000 * DAY, usegmt=True)):
        assert retry_after_seconds({"Retry-After": absurd}) == MAX_WAIT
    for nothing in ("", "soon", "-1", "nan", "inf", "1e9", "Wed, 99 Foo 2015 77:28:00 GMT"):
        assert retry_after_seconds({"Retry-After": nothing}) is None


def test_a_bit_that_flipped_in_a_cached_source_is_not_taken(hub: HubServer, tmp_path: Path) -> None:
    first = prepare(hub, tmp_path)
    for name in (SECOND, "config.json"):  # one with a SHA-256 of the hub, one with Git's blob id
        content = (first.folder / name).read_bytes()
        (first.folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        hub.requests.clear()
        again = prepare(hub, tmp_path)
        assert (again.folder / name).read_bytes() == content
        assert again.files == first.files
        assert not hub.downloads(FIRST)


def test_a_cached_source_that_was_only_touched_is_read_and_taken(hub: HubServer, tmp_path: Path) -> None:
    first = prepare(hub, tmp_path)
    os.utime(first.folder / SECOND, (1, 1))
    hub.requests.clear()
    assert prepare(hub, tmp_path).files == first.files
    assert not [request for request in hub.requests if "/resolve/" in request.path]


def test_links_that_somebody_planted_are_not_written_through(hub: HubServer, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "config.json").write_text("mine")
    repository(hub).files["1_Pooling/config.json"] = b"{}"
    hub.faults.statuses[f"|{SECOND}"] = 500
    failure(hub, tmp_path)
    partial = next((tmp_path / ".sources").glob("*.partial"))
    hub.faults.statuses.clear()
    (partial / "config.json").unlink()
    (partial / "config.json").symlink_to(mine / "config.json")
    (partial / "1_Pooling" / "config.json").unlink()
    (partial / "1_Pooling").rmdir()
    (partial / "1_Pooling").symlink_to(mine)
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.VOLUME_NOT_WRITABLE
    assert "1_Pooling is a symbolic link" in failed.message
    assert (mine / "config.json").read_text() == "mine"
    (partial / "1_Pooling").unlink()
    folder = prepare(hub, tmp_path).folder
    assert (mine / "config.json").read_text() == "mine"
    assert (folder / "config.json").read_bytes() == model_files()["config.json"]
    assert (folder / "1_Pooling" / "config.json").read_bytes() == b"{}"


@pytest.mark.parametrize(
    ("name", "words"), [("a\nb.json", "rename it"), ("config.json/x.json", "a folder of that name")]
)
def test_names_that_no_folder_can_hold(hub: HubServer, tmp_path: Path, name: str, words: str) -> None:
    repository(hub).files[name] = b"{}"
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.SOURCE_CORRUPT
    assert words in failed.message

"""Single files: ETags, checksums, sizes, and links in the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.reasons import Reason
from tests.unit.worker.hub_cases import failure, prepare, repository
from tools.testing.hub_server import HubServer
from tools.testing.tiny_files import SECOND, model_files

NO_DIGESTS = {"size", "blobId", "lfs", "tree", "links"}


ETAGS: dict[str, Callable[[bytes], str]] = {
    "sha1": lambda data: hashlib.sha1(data).hexdigest(),
    "anything": lambda data: hashlib.sha1(b"1760000000" + data).hexdigest(),
    "short": lambda _data: "abc-1",
}


@pytest.mark.parametrize("etag", ETAGS.values(), ids=ETAGS)
def test_an_unknown_etag_does_not_matter(hub: HubServer, tmp_path: Path, etag: Callable[[bytes], str]) -> None:
    hub.faults.omits, hub.faults.etag = NO_DIGESTS, etag
    first = prepare(hub, tmp_path)
    assert (first.folder / SECOND).read_bytes() == model_files()[SECOND]
    hub.faults.etag = lambda data: hashlib.sha1(data[::-1]).hexdigest()
    assert prepare(hub, tmp_path).key == first.key


def test_does_not_resume_a_file_that_the_etag_does_not_confirm(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.omits, hub.faults.etag = NO_DIGESTS, ETAGS["sha1"]
    hub.faults.cuts[SECOND] = [50] * 9
    failure(hub, tmp_path)
    hub.faults.cuts.clear()
    (partial,) = (tmp_path / ".sources").glob("*.partial")
    (partial / SECOND).write_bytes(b"bad" + model_files()[SECOND][3:50])
    hub.requests.clear()
    assert (prepare(hub, tmp_path).folder / SECOND).read_bytes() == model_files()[SECOND]
    assert [request.start for request in hub.downloads(SECOND)] == [50, 0]


def test_compares_a_checksum_that_the_mirror_states(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.omits, hub.faults.etag, hub.faults.checksums = NO_DIGESTS, ETAGS["sha1"], True
    hub.faults.wrong = {SECOND}
    assert failure(hub, tmp_path).reason == Reason.TRANSFER_FAILED
    hub.faults.wrong = set()
    assert prepare(hub, tmp_path).files


@pytest.mark.parametrize("size", [-5, 10**30, "many", None, True])
def test_ignores_an_impossible_size(hub: HubServer, tmp_path: Path, size: object) -> None:
    hub.faults.sizes[SECOND] = size
    assert (prepare(hub, tmp_path).folder / SECOND).read_bytes() == model_files()[SECOND]


@pytest.mark.parametrize(
    ("size", "words"), [(10, "is larger than the 10 bytes that the Hub states"), (5000, "ended early")]
)
def test_rejects_a_file_of_another_size_than_stated(hub: HubServer, tmp_path: Path, size: int, words: str) -> None:
    hub.faults.sizes[SECOND] = size
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.TRANSFER_FAILED
    assert words in failed.message


def test_does_not_write_through_links_in_the_partial_download(hub: HubServer, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text("other")
    repository(hub).files["1_Pooling/config.json"] = b"{}"
    hub.faults.statuses[f"|{SECOND}"] = 500
    failure(hub, tmp_path)
    partial = next((tmp_path / ".sources").glob("*.partial"))
    hub.faults.statuses.clear()
    (partial / "config.json").unlink()
    (partial / "config.json").symlink_to(other / "config.json")
    (partial / "1_Pooling" / "config.json").unlink()
    (partial / "1_Pooling").rmdir()
    (partial / "1_Pooling").symlink_to(other)
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.VOLUME_NOT_WRITABLE
    assert "1_Pooling is a symbolic link" in failed.message
    assert (other / "config.json").read_text() == "other"
    (partial / "1_Pooling").unlink()
    folder = prepare(hub, tmp_path).folder
    assert (other / "config.json").read_text() == "other"
    assert (folder / "config.json").read_bytes() == model_files()["config.json"]
    assert (folder / "1_Pooling" / "config.json").read_bytes() == b"{}"


@pytest.mark.parametrize(("name", "omits"), [(SECOND, set()), (SECOND, {"lfs", "tree"}), ("config.json", set())])
def test_rejects_bytes_that_are_not_what_is_stated(hub: HubServer, tmp_path: Path, name: str, omits: set[str]) -> None:
    hub.faults.wrong.add(name)
    hub.faults.omits = omits
    failed = failure(hub, tmp_path)
    assert failed.reason == Reason.TRANSFER_FAILED
    assert f"{name} arrived with SHA-256" in failed.message

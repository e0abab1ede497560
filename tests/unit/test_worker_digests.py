"""A source's digests: computed, compared with those it ships, and what they name."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.reporting.progress_output import ignore_progress
from shardwright_worker.source.file_digests import digest_files, source_digest
from shardwright_worker.source.listing import list_source
from shardwright_worker.source.shipped_digests import check_shipped_digests
from tools.testing.tiny_files import FIRST, model_files, write_files

Files = dict[str, bytes]


def test_digests_name_the_content(tmp_path: Path) -> None:
    files = {**model_files(), "README.md": b"hello", "LICENSE": b"free"}
    listing = list_source(write_files(tmp_path, files), {})
    digests = digest_files(tmp_path, listing.files, ignore_progress)
    assert {each.name: each.sha256 for each in digests} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    first = source_digest(digests)
    (tmp_path / "README.md").write_bytes(b"other")
    assert source_digest(digest_files(tmp_path, list_source(tmp_path, {}).files, ignore_progress)) == first
    (tmp_path / "config.json").write_bytes(b"{}")
    assert source_digest(digest_files(tmp_path, list_source(tmp_path, {}).files, ignore_progress)) != first


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    listing = list_source(write_files(tmp_path, model_files()), {})
    (tmp_path / FIRST).write_bytes(b"shorter")
    with pytest.raises(WorkerFailure, match="changed while it was read"):
        digest_files(tmp_path, listing.files, ignore_progress)


def test_digesting_says_how_far_it_is(tmp_path: Path) -> None:
    listing = list_source(write_files(tmp_path, model_files()), {})
    seen: list[int | None] = []
    digest_files(tmp_path, listing.files, lambda progress: seen.append(progress.bytes_done))
    assert seen == sorted(seen, key=lambda done: done or 0)
    assert seen[-1] == listing.bytes


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("SHA256SUMS", "{digest}  {file}\n"),
        ("sha256sums.txt", "{digest} *./{file}\n"),
        ("checksums.sha256", "SHA256 ({file}) = {digest}\n"),
        (FIRST + ".sha256", "{digest}\n"),
        (FIRST + ".sha256", "{digest}  {file}\n"),
    ],
)
def test_digests_that_the_source_ships_are_compared(tmp_path: Path, name: str, line: str) -> None:
    files = model_files()
    right = hashlib.sha256(files[FIRST]).hexdigest()
    for digest, fine in ((right, True), ("0" * 64, False)):
        files[name] = ("# comment\n" + line.format(digest=digest, file=FIRST)).encode()
        listing = list_source(write_files(tmp_path, files), {})
        digests = digest_files(tmp_path, listing.files, ignore_progress)
        if fine:
            assert check_shipped_digests(listing, digests) == 1
            continue
        with pytest.raises(WorkerFailure) as caught:
            check_shipped_digests(listing, digests)
        assert caught.value.reason == Reason.SOURCE_CORRUPT
        assert f"{FIRST} is damaged: {name} states" in caught.value.message

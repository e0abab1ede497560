"""Digests that a source ships in files of its own."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.reporting.progress_output import ignore_progress
from shardwright_worker.source.file_digests import digest_files
from shardwright_worker.source.listing import list_source
from shardwright_worker.source.shipped_digests import check_shipped_digests
from tools.testing.tiny_files import FIRST, model_files, write_files

SECONDS = 3.0  # a quadratic reading of these texts takes minutes


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
def test_compares_shipped_digests(tmp_path: Path, name: str, line: str) -> None:
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


@pytest.mark.parametrize(
    "line",
    [
        "a" * 64 + "  x" + " " * 400_000 + "b",
        "a" * 64 + " " * 400_000,
        "SHA256 (" + ")" * 400_000 + " = ",
        "SHA256 (" + ") = " * 100_000,
        "\\" * 400_000,
    ],
    ids=lambda line: line[:10],
)
def test_parses_lists_in_linear_time(tmp_path: Path, line: str) -> None:
    folder = write_files(tmp_path, {**model_files(), "SHA256SUMS": line.encode()})
    started = time.process_time()
    assert check_shipped_digests(list_source(folder, {}), [FileDigest(name=FIRST, size=1, sha256="b" * 64)]) == 0
    assert time.process_time() - started < SECONDS


def test_ignores_lists_that_are_not_regular_files(tmp_path: Path) -> None:
    folder = write_files(tmp_path, model_files())
    os.mkfifo(folder / "SHA256SUMS")
    (folder / "x.sha256").symlink_to("/dev/zero")
    (folder / "y.sha256").symlink_to("/dev/tty")
    listing = list_source(folder, {})
    assert check_shipped_digests(listing, digest_files(folder, listing.files, ignore_progress)) == 0

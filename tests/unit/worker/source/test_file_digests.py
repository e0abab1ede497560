"""Digests of a source's files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.reporting.progress_output import ignore_progress
from shardwright_worker.source.file_digests import digest_files, source_digest
from shardwright_worker.source.listing import SourceFile, list_source
from tools.testing.tiny_files import FIRST, model_files, write_files


def test_the_source_digest_follows_from_the_content(tmp_path: Path) -> None:
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


def test_rejects_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    listing = list_source(write_files(tmp_path, model_files()), {})
    (tmp_path / FIRST).write_bytes(b"shorter")
    with pytest.raises(WorkerFailure, match="changed while it was read"):
        digest_files(tmp_path, listing.files, ignore_progress)


def test_reports_progress(tmp_path: Path) -> None:
    listing = list_source(write_files(tmp_path, model_files()), {})
    seen: list[int | None] = []
    digest_files(tmp_path, listing.files, lambda progress: seen.append(progress.bytes_done))
    assert seen == sorted(seen, key=lambda done: done or 0)
    assert seen[-1] == listing.bytes


def test_rejects_a_file_that_became_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json")
    with pytest.raises(WorkerFailure) as caught:
        digest_files(tmp_path, [SourceFile("x.json", 5)], ignore_progress)
    assert caught.value.reason == Reason.SOURCE_CORRUPT
    assert "x.json is not a regular file but a named pipe" in caught.value.message

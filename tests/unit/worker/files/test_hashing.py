"""Hashing of files in chunks."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from shardwright_worker.files.hashing import CHUNK, hash_stream, sha256_of


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 5])
def test_hashes_files_of_any_size_and_counts_their_bytes(tmp_path: Path, size: int) -> None:
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    (tmp_path / "file").write_bytes(content)
    counts: list[int] = []
    assert sha256_of(tmp_path / "file", counts.append) == hashlib.sha256(content).hexdigest()
    assert sum(counts) == size


def test_reads_up_to_a_limit_from_the_current_position(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    first, second, both = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    with (tmp_path / "file").open("rb") as file:
        assert hash_stream(file, [first, both], limit=4) == 4
        assert hash_stream(file, [], limit=0) == 0
        assert hash_stream(file, [second, both], limit=100) == 6
    assert first.digest() == hashlib.sha256(b"0123").digest()
    assert second.digest() == hashlib.sha256(b"456789").digest()
    assert both.digest() == hashlib.sha256(b"0123456789").digest()

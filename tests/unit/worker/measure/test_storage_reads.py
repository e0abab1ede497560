"""Files are read from storage again once their pages are dropped, and the kernel's count of such bytes is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shardwright_worker.files.regular_file import NotRegularFileError
from shardwright_worker.measure.storage_reads import bytes_read_from_storage, drop_from_page_cache

SIZE = 4 * 1024**2


def _read_from_storage(path: Path) -> int:
    """Return how many bytes this process reads from storage when it reads the file."""
    before = bytes_read_from_storage()
    assert len(path.read_bytes()) == SIZE
    after = bytes_read_from_storage()
    assert before is not None
    assert after is not None
    return after - before


def test_what_was_just_written_is_read_from_storage_again(tmp_path: Path) -> None:
    path, other = tmp_path / "model.safetensors", tmp_path / "other.safetensors"
    for one in (path, other):
        one.write_bytes(os.urandom(SIZE))
    assert _read_from_storage(path) < SIZE
    drop_from_page_cache([path])
    assert _read_from_storage(other) < SIZE
    assert _read_from_storage(path) >= SIZE


def test_a_file_that_is_missing_or_not_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        drop_from_page_cache([tmp_path / "missing"])
    with pytest.raises(NotRegularFileError):
        drop_from_page_cache([tmp_path])


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("rchar: 9\nread_bytes: 4096\ncancelled_write_bytes: 0\n", 4096),
        ("rchar: 9\n", None),
        ("read_bytes: many\n", None),
        (None, None),
    ],
)
def test_a_kernel_that_does_not_count_is_not_an_error(tmp_path: Path, text: str | None, read: int | None) -> None:
    counters = tmp_path / "io"
    if text is not None:
        counters.write_text(text)
    assert bytes_read_from_storage(counters) == read

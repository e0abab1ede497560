"""One output file: ranges in any order, durable, and errors that name the file."""

from __future__ import annotations

import errno
import mmap
from pathlib import Path

import pytest

from shardwright_worker.files.file_modes import FILE_MODE
from shardwright_worker.writer import output_file
from shardwright_worker.writer.output_file import OutputFile, needs_order
from shardwright_worker.writer.part_plan import PAGE


def _pages(count: int) -> memoryview:
    pages = mmap.mmap(-1, count * PAGE)
    pages.write(bytes(range(256)) * (count * PAGE // 256))
    return memoryview(pages)


@pytest.mark.parametrize("ordered", [False, True])
def test_ranges_are_written_where_they_belong(tmp_path: Path, ordered: bool) -> None:
    data = _pages(3)
    file = OutputFile(tmp_path / "part", 3 * PAGE - 7, ordered)
    for start in (0, 1) if ordered else (1, 0):
        file.write(data[start * PAGE : (start + 2) * PAGE - 7 if start else PAGE], start * PAGE)
    file.sync()
    file.close()
    assert (tmp_path / "part").read_bytes() == bytes(data[: 3 * PAGE - 7])
    assert (tmp_path / "part").stat().st_mode & 0o777 == FILE_MODE


def test_an_existing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "part").touch()
    with pytest.raises(FileExistsError):
        OutputFile(tmp_path / "part", 1, False)


def test_a_full_volume_names_the_file_and_the_free_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(output_file, "_reserve", full)
    with pytest.raises(OSError, match=r"No space left on device; 1\.0 KiB are needed.*free of") as raised:
        OutputFile(tmp_path / "part", 1024, False)
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(tmp_path / "part"))


def test_a_local_folder_needs_no_order_and_keeps_no_probe(tmp_path: Path) -> None:
    assert not needs_order(tmp_path)
    assert list(tmp_path.iterdir()) == []

"""The weights are read in the background, every byte once, as far as memory is free."""

from __future__ import annotations

import time
from pathlib import Path

from shardwright_worker.shard.read_ahead import _BLOCK, _Blocks, reading_ahead


def _read_so_far() -> int:
    """Bytes that this process has read by system calls: https://man7.org/linux/man-pages/man5/proc_pid_io.5.html."""
    return int(Path("/proc/self/io").read_text().split()[1])


def _weights(folder: Path, *sizes: int) -> list[Path]:
    paths = [folder / f"model-{number}.safetensors" for number in range(len(sizes))]
    for path, size in zip(paths, sizes, strict=True):
        path.write_bytes(bytes(size))
    return paths


def test_all_weights_are_read(tmp_path: Path) -> None:
    paths = _weights(tmp_path, _BLOCK + 1, 1, 0)
    (tmp_path / "notes.txt").write_bytes(bytes(2 * _BLOCK))
    since = _read_so_far()
    size = sum(path.stat().st_size for path in paths)
    with reading_ahead(tmp_path):
        end = time.monotonic() + 30
        while _read_so_far() - since < size:
            assert time.monotonic() < end, "the weights are not read"
    assert _read_so_far() - since < 2 * _BLOCK


def test_blocks_are_in_order_and_within_the_free_memory(tmp_path: Path) -> None:
    first, second = _weights(tmp_path, _BLOCK + 1, 3 * _BLOCK)
    blocks = _Blocks([first, tmp_path / "gone", second], 4 * _BLOCK)
    found = [blocks.next() for _ in range(5)]
    assert found == [(first, 0), (first, _BLOCK), (second, 0), (second, _BLOCK), None]

"""Streams tensors into safetensors files: aligned, direct, hashed on the way, durable, in bounded memory.

    tensor -> pieces -> aligned buffer -> pwrite (O_DIRECT where the volume can) -> fsync
                          | SHA-256 of the file and XXH3 of the tensor, while the buffer is hot

The header is padded with spaces so that the data starts on a page. Buffers are handed to a small pool of writers; at
most `BUFFERS` of them exist, whatever the size of a part.
"""

import errno
import hashlib
import json
import mmap
import os
import queue
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
import xxhash

from shardwright_worker.contract.manifest import Tensor
from shardwright_worker.shard.tensors import DTYPES, pieces_of, size_of

PAGE = 4096
BUFFER = 16 * 1024**2  # bytes
BUFFERS = 6
WRITERS = 3
MODE = 0o644


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """A part on the volume: fsynced, with its digest and those of its tensors."""

    file: str
    size: int
    sha256: str
    tensors: list[Tensor]


def split_into_parts(tensors: Mapping[str, torch.Tensor], limit: int) -> list[list[str]]:
    """Names by part, in the model's order. A tensor is never split; a part is never empty."""
    parts: list[list[str]] = []
    size = 0
    for name, tensor in tensors.items():
        if not parts or size + size_of(tensor) > limit:
            parts.append([])
            size = 0
        parts[-1].append(name)
        size += size_of(tensor)
    return parts


def write_part(
    path: Path, tensors: Mapping[str, torch.Tensor], on_bytes: Callable[[int], None] = lambda _: None
) -> WrittenPart:
    """Write one safetensors file. Raises OSError; the file is then incomplete and must not be used."""
    ordered = dict(sorted(tensors.items(), key=lambda item: size_of(item[1]) % PAGE != 0))
    header = _header(ordered)
    stream = _Stream(path, len(header) + sum(size_of(one) for one in ordered.values()))
    digests: list[Tensor] = []
    try:
        stream.write(memoryview(header))
        for name, tensor in ordered.items():
            digest = xxhash.xxh3_128()
            for piece in pieces_of(tensor):
                digest.update(piece)
                stream.write(piece)
                on_bytes(len(piece))
            digests.append(
                Tensor(name=name, dtype=DTYPES[tensor.dtype], shape=list(tensor.shape), xxh3=digest.hexdigest())
            )
        size, sha256 = stream.finish()
    finally:
        stream.close()
    return WrittenPart(path.name, size, sha256, digests)


def _header(tensors: Mapping[str, torch.Tensor]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, tensor in tensors.items():
        end = offset + size_of(tensor)
        entries[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    padded = -(-(len(text) + 8) // PAGE) * PAGE - 8
    return padded.to_bytes(8, "little") + text.ljust(padded, b" ")


class _Stream:
    """A file that is written front to back through aligned buffers, by several threads, and hashed in order."""

    def __init__(self, path: Path, size: int) -> None:
        self._size, self._offset, self._filled = size, 0, 0
        self._sha = hashlib.sha256()
        self._file, self._direct = _open(path)
        self._free: queue.SimpleQueue[mmap.mmap] = queue.SimpleQueue()
        self._made = 0
        self._pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="shardwright-writer")
        self._hasher = ThreadPoolExecutor(1, thread_name_prefix="shardwright-hash")
        self._pending: list[Future[None]] = []
        self._buffer = self._take()

    def write(self, data: memoryview) -> None:
        """Append; returns when the bytes are copied."""
        data = data.cast("B")
        while data.nbytes:
            count = min(data.nbytes, BUFFER - self._filled)
            self._buffer[self._filled : self._filled + count] = data[:count]
            self._filled += count
            data = data[count:]
            if self._filled == BUFFER:
                self._send()

    def finish(self) -> tuple[int, str]:
        """Everything on the disk: size in bytes and SHA-256 in hex."""
        if self._filled:
            self._send()
        for one in self._pending:
            one.result()
        if self._direct and self._size % PAGE:
            os.ftruncate(self._file, self._size)
        _chmod(self._file)
        os.fsync(self._file)
        assert self._offset == self._size
        return self._size, self._sha.hexdigest()

    def close(self) -> None:
        """Give everything back; safe after a failure."""
        self._hasher.shutdown(cancel_futures=True)
        self._pool.shutdown(cancel_futures=True)
        os.close(self._file)

    def _take(self) -> mmap.mmap:
        if self._made < BUFFERS:
            self._made += 1
            return mmap.mmap(-1, BUFFER)
        while True:
            try:
                return self._free.get(timeout=1)
            except queue.Empty:
                for one in self._pending:
                    if one.done():
                        one.result()  # a writer failed: say so instead of waiting for its buffer

    def _send(self) -> None:
        buffer, filled, offset = self._buffer, self._filled, self._offset
        hashed = self._hasher.submit(self._sha.update, memoryview(buffer)[:filled])
        self._pending = [one for one in self._pending if not one.done() or one.exception()]
        self._pending.append(self._pool.submit(self._write_out, buffer, filled, offset, hashed))
        self._offset += filled
        self._buffer, self._filled = self._take(), 0

    def _write_out(self, buffer: mmap.mmap, filled: int, offset: int, hashed: "Future[None]") -> None:
        length = -(-filled // PAGE) * PAGE if self._direct else filled
        view = memoryview(buffer)[:length]
        done = 0
        while done < length:
            done += os.pwrite(self._file, view[done:], offset + done)
        view.release()
        hashed.result()
        self._free.put(buffer)


def _open(path: Path) -> tuple[int, bool]:
    """The file, and whether it can be written past the page cache: found by trying, not by the driver's name."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    file = os.open(path, flags, MODE)
    probe = -1
    buffer = mmap.mmap(-1, PAGE)
    try:
        probe = os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
        os.pwrite(probe, buffer, 0)
        os.ftruncate(probe, 0)
    except OSError as error:
        if probe >= 0:
            os.close(probe)
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM):
            os.close(file)
            raise
        return file, False
    os.close(file)
    return probe, True


def _chmod(file: int) -> None:
    try:
        os.fchmod(file, MODE)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.EPERM):
            raise

"""Writes and hashes the parts of one rank, several at the same time."""

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
import xxhash

from shardwright_worker.contract.manifest import Tensor
from shardwright_worker.files.hashing import Hasher
from shardwright_worker.writer.buffers import BUFFER, STEP, Buffer, Copier
from shardwright_worker.writer.dtypes import plan_tensor
from shardwright_worker.writer.output_file import OutputFile, needs_order
from shardwright_worker.writer.part_plan import STREAMS, PartPlan, plan_parts
from shardwright_worker.writer.pool import BufferPool, make_pool

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """A part on the volume: synced, with its size in bytes, its SHA-256 and the digests of its tensors."""

    file: str
    size: int
    sha256: str
    tensors: list[Tensor]


def write_parts(
    folder: Path,
    tensors: Tensors,
    name_of: Callable[[int], str],
    max_file_size: int,
    count: Callable[[int], None] = lambda _: None,
    ordered: bool | None = None,
    threads: int | None = None,
) -> list[WrittenPart]:
    """Write and hash all tensors, in parts of at most `max_file_size` bytes of tensors.

    `name_of`: part number -> file name. `count` gets the bytes of each write, from one thread at a time.
    `ordered`: the volume accepts bytes only front to back (None: find out).
    `threads`: parts that are hashed at the same time, each on a core (None: as many as there are cores).

    Raises:
        OSError: of the volume; the files that exist then must not be used.
        WorkerFailure: UnsupportedModel, for a tensor of a type that the format lacks.
    """
    plans = plan_parts([plan_tensor(name, tensor) for name, tensor in tensors.items()], max_file_size)
    device = next((one.device for one in tensors.values() if one.device.type != "cpu"), torch.device("cpu"))
    ordered = needs_order(folder) if ordered is None else ordered
    cores = threads or len(os.sched_getaffinity(0))
    streams = max(1, min(cores + 1, STREAMS, len(plans)))  # one more hashes while another waits for its last writes
    if device.type != "cpu":
        torch.accelerator.synchronize()  # what was loaded on another stream must be complete
    with make_pool(streams, device, _counting(count)) as pool, ThreadPoolExecutor(streams) as fillers:
        jobs = [
            fillers.submit(_write_part, folder / name_of(number), plan, tensors, pool, ordered)
            for number, plan in enumerate(plans)
        ]
        return [job.result() for job in jobs]


def _write_part(path: Path, plan: PartPlan, tensors: Tensors, pool: BufferPool, ordered: bool) -> WrittenPart:
    try:
        stream = _Stream(path, plan.size, pool, ordered)
        try:
            stream.write_bytes(plan.header)
            digests = [
                Tensor(
                    name=one.name, dtype=one.dtype, shape=list(one.shape), xxh3=stream.write_and_hash(tensors[one.name])
                )
                for one in plan.tensors
            ]
            return WrittenPart(path.name, plan.size, stream.finish(), digests)
        finally:
            stream.close()
    except BaseException as error:
        pool.fail(error)
        raise


class _Stream:
    """One file, filled and hashed front to back by one thread."""

    def __init__(self, path: Path, size: int, pool: BufferPool, ordered: bool) -> None:
        self._pool, self._ordered = pool, ordered
        self._file = OutputFile(path, size, ordered)
        self._sha = hashlib.sha256()
        self._copiers: dict[torch.device, Copier] = {}
        self._buffer: Buffer | None = None
        self._filled = self._offset = 0
        self._writes: list[Future[None]] = []

    def write_bytes(self, data: bytes) -> None:
        """Append bytes, such as the header."""
        self.write_and_hash(torch.frombuffer(bytearray(data), dtype=torch.uint8))

    def write_and_hash(self, tensor: torch.Tensor) -> str:
        """Append a tensor's bytes and return their XXH3-128 in hex."""
        copier = self._copiers.setdefault(tensor.device, Copier(tensor.device))
        digest = xxhash.xxh3_128()
        for data in copier.blocks_of(tensor):
            self._append(copier, data, digest)
        return str(digest.hexdigest())

    def finish(self) -> str:
        """Wait until the file is durable, and return its SHA-256 in hex."""
        self._send()
        for write in self._writes:
            write.result()
        self._file.sync()
        return self._sha.hexdigest()

    def close(self) -> None:
        """Wait for the writes that run, and close the file."""
        for write in self._writes:
            write.cancel()
        for write in self._writes:
            if not write.cancelled():
                write.exception()
        if self._buffer:
            self._pool.release(self._buffer)
        self._file.close()

    def _append(self, copier: Copier, data: torch.Tensor, digest: Hasher) -> None:
        done, size = 0, data.numel()
        while done < size:
            buffer = self._buffer = self._buffer or self._pool.acquire()
            count = min(size - done, BUFFER - self._filled, copier.step)
            copier.copy(data, done, buffer, self._filled, count)
            self._hash(buffer.view[self._filled : self._filled + count], digest)
            self._filled += count
            done += count
            if self._filled == BUFFER:
                self._send()

    def _hash(self, data: memoryview, digest: Hasher) -> None:
        """Add bytes to both digests, in steps, so that the second one finds them in a core's cache."""
        for start in range(0, len(data), STEP):
            step = data[start : start + STEP]
            digest.update(step)
            self._sha.update(step)

    def _send(self) -> None:
        if self._buffer is None:
            return
        after = self._writes[-1] if self._ordered and self._writes else None
        self._writes.append(self._pool.write(self._file, self._buffer, self._filled, self._offset, after))
        self._offset += self._filled
        self._buffer, self._filled = None, 0


def _counting(count: Callable[[int], None]) -> Callable[[int], None]:
    lock = threading.Lock()

    def one_at_a_time(size: int) -> None:
        with lock:
            count(size)

    return one_at_a_time

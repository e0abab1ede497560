"""The buffers and threads that the parts of one rank share; the first failure of one stops all."""

import contextlib
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from shardwright_worker.writer.buffers import BUFFER, Buffer, make_buffers
from shardwright_worker.writer.output_file import OutputFile

WRITERS = 8  # threads that only write: they wait for the disk, not for a core
LARGEST = 256 * 1024**2  # bytes of all buffers of a rank
_PATIENCE = 0.5  # seconds between two looks whether another thread failed
Before = Future[None] | None  # a write that must be done first


class Crew:
    """Free buffers, and writers that take full ones."""

    def __init__(self, buffers: list[Buffer], writers: ThreadPoolExecutor, count: Callable[[int], None]) -> None:
        self._free: queue.SimpleQueue[Buffer] = queue.SimpleQueue()
        for buffer in buffers:
            self._free.put(buffer)
        self._writers, self._count = writers, count
        self._failure: BaseException | None = None

    def take(self) -> Buffer:
        """A free buffer. Raises what another thread failed with."""
        while True:
            if self._failure:
                raise self._failure
            with contextlib.suppress(queue.Empty):
                return self._free.get(timeout=_PATIENCE)

    def write(self, file: OutputFile, buffer: Buffer, size: int, offset: int, after: Before) -> "Future[None]":
        """Write a buffer's first `size` bytes, not before the write `after`; the buffer is free afterwards."""
        return self._writers.submit(self._write, file, buffer, size, offset, after)

    def give_back(self, buffer: Buffer) -> None:
        """The buffer is not needed."""
        self._free.put(buffer)

    def fail(self, error: BaseException) -> None:
        """Let everybody stop with this error."""
        self._failure = self._failure or error

    def _write(self, file: OutputFile, buffer: Buffer, size: int, offset: int, after: Before) -> None:
        try:
            if after:
                after.result()
            file.write(buffer.view[:size], offset)
            self._count(size)
        except BaseException as error:
            self.fail(error)
            raise
        finally:
            self.give_back(buffer)


@contextlib.contextmanager
def assemble(streams: int, device: torch.device, count: Callable[[int], None]) -> Iterator[Crew]:
    """A crew for this many parts at a time. `count` is told the bytes that are written, from any thread."""
    number = min(3 * streams + WRITERS, LARGEST // BUFFER)
    with make_buffers(number, device) as buffers:
        writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="shardwright-writer")
        try:
            yield Crew(buffers, writers, count)
        finally:
            writers.shutdown(cancel_futures=True)

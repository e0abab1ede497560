"""The pool of buffers and writer threads that the parts of one rank share; the first failure stops all of them."""

import contextlib
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from shardwright_worker.writer.buffers import BUFFER, Buffer, make_buffers
from shardwright_worker.writer.output_file import OutputFile

WRITERS = 8  # threads that only write: they wait for the disk, not for a core
LARGEST = 256 * 1024**2  # bytes of all buffers of a rank
_PERIOD = 0.5  # seconds between two checks whether another thread has failed
Before = Future[None] | None  # a write that must be finished first


class BufferPool:
    """Free buffers, and threads that write full ones."""

    def __init__(self, buffers: list[Buffer], writers: ThreadPoolExecutor, count: Callable[[int], None]) -> None:
        self._free: queue.SimpleQueue[Buffer] = queue.SimpleQueue()
        for buffer in buffers:
            self._free.put(buffer)
        self._writers, self._count = writers, count
        self._failure: BaseException | None = None

    def acquire(self) -> Buffer:
        """Wait for a free buffer and return it.

        Raises:
            BaseException: what another thread failed with.
        """
        while True:
            if self._failure:
                raise self._failure
            with contextlib.suppress(queue.Empty):
                return self._free.get(timeout=_PERIOD)

    def write(self, file: OutputFile, buffer: Buffer, size: int, offset: int, after: Before) -> "Future[None]":
        """Write a buffer's first `size` bytes in another thread, not before the write `after`; then release it."""
        return self._writers.submit(self._write, file, buffer, size, offset, after)

    def release(self, buffer: Buffer) -> None:
        """Return a buffer to the pool."""
        self._free.put(buffer)

    def fail(self, error: BaseException) -> None:
        """Stop all threads that use the pool with this error."""
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
            self.release(buffer)


@contextlib.contextmanager
def make_pool(streams: int, device: torch.device, count: Callable[[int], None]) -> Iterator[BufferPool]:
    """Make a pool for `streams` parts at the same time. `count` gets the bytes of each write, from any thread."""
    number = min(3 * streams + WRITERS, LARGEST // BUFFER)
    with make_buffers(number, device) as buffers:
        writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="shardwright-writer")
        try:
            yield BufferPool(buffers, writers, count)
        finally:
            writers.shutdown(cancel_futures=True)

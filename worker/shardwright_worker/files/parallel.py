"""Runs one function over many files in threads, adds up their bytes, and stops all of them when one fails."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Stopped(Exception):  # noqa: N818 - a cancellation, not an error of the file
    """Raised in a thread whose work was canceled because another thread failed."""


class ByteCounter:
    """A sum of bytes over several threads; calling it after `stop` raises Stopped, which ends the thread's work."""

    def __init__(self, on_total: Callable[[int], None]) -> None:
        self._on_total, self._total = on_total, 0
        self._lock, self._stopped = threading.Lock(), threading.Event()

    def __call__(self, count: int) -> None:
        """Add a number of bytes, negative to take some back, and pass the new total on."""
        if self._stopped.is_set():
            raise Stopped
        with self._lock:
            self._total += count
            self._on_total(self._total)

    def stop(self) -> None:
        """Let every further call raise Stopped."""
        self._stopped.set()


def run_parallel(
    work: Callable[[Item, Callable[[int], None]], Result],
    items: Iterable[Item],
    on_total: Callable[[int], None],
    threads: int,
) -> list[Result]:
    """Return `work(item, count)` of each item, in their order.

    `work` reports the bytes that it has handled through `count`; `on_total` receives their sum, one call at a time.
    After a failure no further item starts, and running ones end at their next report: this does not wait for them,
    because one may block on a volume or a network.

    Raises:
        Exception: the first failure, in the order of the items.
    """
    counter = ByteCounter(on_total)
    executor = ThreadPoolExecutor(threads, "files")
    try:
        futures = [executor.submit(work, item, counter) for item in items]
        return [future.result() for future in futures]
    finally:
        counter.stop()
        executor.shutdown(wait=False, cancel_futures=True)

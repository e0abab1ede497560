"""Ends a worker in time: SIGTERM stops its work, and a process that does not stop exits with a report anyway.

The kubelet sends SIGTERM, and SIGKILL after the pod's grace period:
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from shardwright_worker.contract.reasons import MEANINGS, Reason

GRACE = 3.5  # seconds from the signal to a forced exit
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Terminated(BaseException):
    """The process received a signal, whose name is the argument. Not an Exception: no handler must take it for one."""


@contextlib.contextmanager
def handle_termination(on_signal: Callable[[], None], write_final_report: Callable[[], None]) -> Iterator[None]:
    """Run the block; SIGTERM or SIGINT call `on_signal` and raise Terminated in it.

    If the block has not ended 3.5 seconds later, as when it blocks on a volume or a network, a thread calls
    `write_final_report` and exits the process.

    Raises:
        Terminated: the process received a signal.
    """
    received, ended = threading.Event(), threading.Event()

    def handle(number: int, _frame: FrameType | None) -> None:
        if not received.is_set():
            received.set()
            on_signal()
            raise Terminated(signal.Signals(number).name)

    def force_exit() -> None:
        received.wait()
        if not ended.wait(GRACE):
            write_final_report()
            os._exit(MEANINGS[Reason.DISRUPTED].exit_code or 0)

    threading.Thread(target=force_exit, name="force-exit", daemon=True).start()
    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        ended.set()
        received.set()


def exit_now(code: int) -> NoReturn:
    """Exit without waiting for threads, which may block on a network, and without output after the report."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

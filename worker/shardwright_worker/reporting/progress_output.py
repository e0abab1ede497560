"""Shows progress: as bars on a terminal, as JSON lines for programs otherwise."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from shardwright_worker.contract.progress_line import Progress
from shardwright_worker.reporting.rate_limit import RateLimit

ShowProgress = Callable[[Progress], None]
PERIOD = 1.0  # seconds between two lines of one stage


def ignore_progress(_progress: Progress) -> None:
    """Show nothing."""


class ProgressLines:
    """Progress as JSON lines: one per second, and every change of stage, end of a stage and completed rank.

    Stages may report as often as they like, from any thread: this is the only limit on the number of lines.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._started = clock()
        self._lock = threading.Lock()
        self._limit = RateLimit(PERIOD, clock)
        self._last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Write the line, unless one of the same stage was written less than a second ago."""
        with self._lock:
            last = self._last
            complete = progress.bytes_total is not None and progress.bytes_done == progress.bytes_total
            changed = last is None or last.stage != progress.stage or last.ranks_done != progress.ranks_done
            if not self._limit.allows(changed or complete):
                return
            if not progress.seconds:
                progress = progress.model_copy(update={"seconds": round(self._clock() - self._started, 1)})
            self._last = progress
            print(progress.to_line(), file=self._stream, flush=True)


@contextmanager
def progress_output() -> Iterator[ShowProgress]:
    """Yield bars on a terminal, or lines on stderr if rich is not installed; elsewhere lines on stdout."""
    if not on_terminal():
        yield ProgressLines(sys.stdout)
        return
    try:
        from shardwright_worker.reporting.progress_bar import ProgressBar
    except ImportError:
        yield ProgressLines(sys.stderr)
        return
    with ProgressBar() as bar:
        yield bar


def on_terminal() -> bool:
    """Return whether a user reads both stdout, which ends with the report, and stderr, which has bars and tables."""
    return sys.stdout.isatty() and sys.stderr.isatty()

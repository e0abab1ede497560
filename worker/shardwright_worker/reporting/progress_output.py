"""Shows progress: as bars on a terminal, as JSON lines for programs otherwise."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

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


class ProgressBar:
    """Progress as bars on stderr, one for each stage. Needs the package rich."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn, TransferSpeedColumn
        from rich.progress import Progress as RichProgress

        self._bars = RichProgress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, progress: Progress) -> None:
        """Update the stage's bar; those of earlier stages are stopped."""
        with self._lock:
            for stage, task in self._tasks.items():
                if stage != progress.stage:
                    self._bars.stop_task(task)
            if progress.stage not in self._tasks:
                self._tasks[progress.stage] = self._bars.add_task(progress.stage.value, total=None)
            task = self._tasks[progress.stage]
            ranks = f" {progress.ranks_done or 0}/{progress.ranks}" if progress.ranks else ""
            done = progress.bytes_done or 0
            self._bars.update(
                task, description=f"{progress.stage.value}{ranks}", completed=done, total=progress.bytes_total
            )

    def __enter__(self) -> "ProgressBar":
        self._bars.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bars.stop()


@contextmanager
def progress_output() -> Iterator[ShowProgress]:
    """Yield bars if stdout is a terminal and rich is installed, else lines."""
    if not sys.stdout.isatty():
        yield ProgressLines(sys.stdout)
        return
    try:
        bar = ProgressBar()
    except ImportError:
        yield ProgressLines(sys.stderr)
        return
    with bar:
        yield bar

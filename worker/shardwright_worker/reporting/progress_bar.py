"""Progress as bars on a terminal, one for each stage: ranks, bytes, GB/s, and the time that is left."""

import threading
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.sizes import format_size

_BAR_WIDTH = 14  # columns: a line fits a terminal with 80


class ProgressBar:
    """Progress as bars on stderr, one for each stage."""

    def __init__(self, console: Console | None = None) -> None:
        self._bars = RichProgress(
            TextColumn("{task.description:<11}"),
            TextColumn("{task.fields[ranks]:<9}"),
            BarColumn(_BAR_WIDTH),
            _Bytes(Column(no_wrap=True, min_width=14, justify="right")),
            _Rate(Column(no_wrap=True, min_width=10, justify="right")),
            _Time(Column(no_wrap=True)),
            console=console or Console(stderr=True),
        )
        self._tasks: dict[Stage, TaskID] = {}
        self._last: Progress | None = None
        self._lock = threading.Lock()

    def __call__(self, progress: Progress) -> None:
        """Update the stage's bar, and complete that of the stage before it."""
        with self._lock:
            stage = progress.stage
            if self._last and self._last.stage != stage:
                self._complete(self._last)
            if stage not in self._tasks:
                self._tasks[stage] = self._bars.add_task(stage.value, total=None, ranks="", counted=True)
            self._last = progress
            total, done = progress.bytes_total, progress.bytes_done
            self._bars.update(self._tasks[stage], completed=done, total=total, ranks=_ranks(progress))

    def _complete(self, last: Progress) -> None:
        """Fill the bar of a stage that has ended; its last progress may be from before its end."""
        done = last.bytes_total or last.bytes_done
        every = last if last.ranks_done is None else last.model_copy(update={"ranks_done": last.ranks})
        task = self._tasks[last.stage]
        self._bars.stop_task(task)
        self._bars.update(task, total=done or 1, completed=done or 1, counted=bool(done), ranks=_ranks(every))

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        with self._lock:
            if kind is None and self._last:
                self._complete(self._last)
            self._bars.stop()


def _ranks(progress: Progress) -> str:
    if not progress.ranks:
        return ""
    done = "" if progress.ranks_done is None else f"{progress.ranks_done}/"
    return f"{done}{progress.ranks} {'rank' if progress.ranks == 1 else 'ranks'}"


class _Bytes(ProgressColumn):
    """The bytes that are done, of all where that is known; nothing for a stage that counts none."""

    def render(self, task: Task) -> Text:
        if not task.completed or not task.fields["counted"]:
            return Text("")
        text = format_size(int(task.completed))
        if task.total and not task.finished:
            number, unit = format_size(int(task.total)).split()
            text = f"{task.completed / task.total * float(number):.1f}/{number} {unit}"
        return Text(text, style="progress.download")


class _Rate(ProgressColumn):
    """GB/s: lately while a stage runs, on average when it has ended."""

    def render(self, task: Task) -> Text:
        seconds = task.elapsed or 0.0
        speed = task.completed / seconds if task.finished and seconds else task.speed
        if not speed or not task.fields["counted"]:
            return Text("")
        return Text(f"{speed / 1e9:.2f} GB/s", style="progress.data.speed")


class _Time(ProgressColumn):
    """The time that a stage has taken, and the time that is left where it can be estimated."""

    def render(self, task: Task) -> Text:
        text = _clock(task.elapsed or 0.0)
        left = None if task.finished or not task.completed else task.time_remaining
        return Text(text if left is None else f"{text}, {_clock(left)} left", style="progress.elapsed")


def _clock(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"

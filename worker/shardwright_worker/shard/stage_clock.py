"""Keeps the stage of the shard run and the time that each one took, and shows progress."""

import time
from collections.abc import Mapping

from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.reporting.progress_output import ShowProgress

_NAMES = {
    Stage.DIGESTING: "digest",
    Stage.LOADING: "load",
    Stage.SAVING: "save",
    Stage.VERIFYING: "verify",
    Stage.MEASURING: "measure",
    Stage.PUBLISHING: "publish",
}


class StageClock:
    """The stage that runs, and the time of each one. How often progress is printed is decided by `show`."""

    def __init__(self, show: ShowProgress) -> None:
        self._show = show
        self._began = self._since = time.monotonic()
        self._stage: Stage | None = None
        self._seconds: dict[Stage, float] = {}
        self._first: dict[Stage, float] = {}  # when each stage began
        self._steps: dict[Stage, dict[str, float]] = {}

    def start(self, stage: Stage) -> None:
        """Begin a stage, unless it runs already."""
        if stage != self._stage:
            self._close()
            self._stage = stage
            self._first.setdefault(stage, self._since)
            self.show()

    def show(self, **facts: int | None) -> None:
        """Show how far the stage is; without facts, that it goes on."""
        if self._stage is not None:
            seconds = round(time.monotonic() - self._began, 1)
            self._show(Progress(stage=self._stage, seconds=seconds, **facts))

    def show_bytes(self, done: int) -> None:
        """Show how many bytes of the stage are done."""
        self.show(bytes_done=done)

    def divide(self, stage: Stage, ends: Mapping[str, float], last: str) -> None:
        """Divide a stage that has run once into steps, which together take its time.

        `ends`: each step but the last, in order, and when it ended in seconds of the monotonic clock, which all
        processes of a machine share: https://man7.org/linux/man-pages/man2/clock_gettime.2.html
        """
        self._close()
        begins = [self._first[stage], *ends.values()]
        end = self._first[stage] + self._seconds[stage]
        lengths = [until - since for since, until in zip(begins, [*begins[1:], end], strict=True)]
        self._steps[stage] = dict(zip([*ends, last], lengths, strict=True))

    def durations(self) -> dict[str, float]:
        """Return the seconds of each stage so far, and of its steps, by the names that a manifest uses."""
        self._close()
        seconds: dict[str, float] = {}
        for stage, whole in self._seconds.items():
            seconds |= {_NAMES[stage]: whole, **self._steps.get(stage, {})}
        return {name: round(each, 2) for name, each in seconds.items()}

    def _close(self) -> None:
        now = time.monotonic()
        if self._stage is not None:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now - self._since
        self._since = now

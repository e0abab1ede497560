"""Keeps the stage of the shard run and the time that each one took, and shows progress."""

import time

from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.reporting.progress_output import ShowProgress

_NAMES = {
    Stage.DIGESTING: "digest",
    Stage.LOADING: "load",
    Stage.SAVING: "save",
    Stage.VERIFYING: "verify",
    Stage.PUBLISHING: "publish",
}


class StageClock:
    """The stage that runs, and the time of each one. How often progress is printed is decided by `show`."""

    def __init__(self, show: ShowProgress) -> None:
        self._show = show
        self._began = self._since = time.monotonic()
        self._stage: Stage | None = None
        self._seconds: dict[Stage, float] = {}

    def start(self, stage: Stage) -> None:
        """Begin a stage, unless it runs already."""
        if stage != self._stage:
            self._close()
            self._stage = stage
            self.show()

    def show(self, **facts: int | None) -> None:
        """Show how far the stage is; without facts, that it goes on."""
        if self._stage is not None:
            seconds = round(time.monotonic() - self._began, 1)
            self._show(Progress(stage=self._stage, seconds=seconds, **facts))

    def show_bytes(self, done: int) -> None:
        """Show how many bytes of the stage are done."""
        self.show(bytes_done=done)

    def durations(self) -> dict[str, float]:
        """Return the seconds of each stage so far, by the names that a manifest uses."""
        self._close()
        return {_NAMES[stage]: round(seconds, 2) for stage, seconds in self._seconds.items()}

    def _close(self) -> None:
        now = time.monotonic()
        if self._stage is not None:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now - self._since
        self._since = now

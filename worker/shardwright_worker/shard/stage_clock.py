"""Knows the stage of the shard run and how long each took, and tells both."""

import time
from collections.abc import Callable

from shardwright_worker.contract.progress_line import Progress, Stage

Tell = Callable[[Progress], None]
_NAMES = {
    Stage.DIGESTING: "digest",
    Stage.LOADING: "load",
    Stage.SAVING: "save",
    Stage.VERIFYING: "verify",
    Stage.PUBLISHING: "publish",
}


class Clock:
    """The stage that runs, and what each one took."""

    def __init__(self, progress: Tell) -> None:
        self._progress = progress
        self._born = self._since = time.monotonic()
        self._stage: Stage | None = None
        self._told: object = None
        self._told_at = 0.0
        self._seconds: dict[Stage, float] = {}
        self._bytes = 0

    def start(self, stage: Stage) -> None:
        """A stage begins, unless it runs already."""
        if stage != self._stage:
            self._close()
            self._stage, self._bytes = stage, 0
            self.tell()

    def tell(self, **facts: int | None) -> None:
        """Say how far the stage is: what is news at once, the same again once a second."""
        now = time.monotonic()
        news = (self._stage, facts)
        if self._stage is not None and (news != self._told or now - self._told_at >= 1):
            self._told, self._told_at = news, now
            self._progress(Progress(stage=self._stage, seconds=round(now - self._born, 1), **facts))

    def repeat(self) -> None:
        """Say that the stage goes on."""
        self.tell()

    def bytes(self, count: int) -> None:
        """That many more bytes are through."""
        self._bytes += count
        self.tell(bytes_done=self._bytes)

    def durations(self) -> dict[str, float]:
        """Seconds of each stage so far, by the names of the status."""
        self._close()
        return {_NAMES[stage]: round(seconds, 2) for stage, seconds in self._seconds.items()}

    def _close(self) -> None:
        now = time.monotonic()
        if self._stage is not None:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now - self._since
        self._since = now

"""Counts resources by condition, and what status changes report: ended attempts, their durations and accelerators."""

from collections import Counter

from shardwright_operator.api.names import READY
from shardwright_operator.api.status import Status
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.runtime.metrics import Metrics


class ResourceMetrics:
    """Keeps the metrics about resources up to date, one decision at a time."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._states: dict[Key, tuple[str, str]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._held: dict[Key, float] = {}  # accelerator seconds that are counted already

    def record(self, key: Key, before: Status, after: Status) -> None:
        """Count a decision that turned the status from `before` to `after`."""
        state = _ready(after)
        self._move(key, state)
        self._count_held(key, _held(before), _held(after))
        if after.last_failure and after.last_failure != before.last_failure:
            self._metrics.count("attempts", after.last_failure.stage, str(after.last_failure.reason))
        # A prepare Job that finds a finished artifact, or does maintenance, is not a success of the shard stage.
        prepared = before.job is not None and before.job.stage == "Prepare"
        if not prepared and state[0] == "True" and after.artifact and after.artifact != before.artifact:
            self._metrics.count("attempts", "Shard", "Succeeded")
            self._metrics.count("artifact_bytes", by=float(after.artifact.bytes))
            for stage, seconds in after.duration_seconds.to_wire().items():
                self._metrics.observe("stage_seconds", seconds, stage)

    def remove(self, key: Key) -> None:
        """Stop counting a deleted resource."""
        self._move(key, None)
        self._held.pop(key, None)

    def reset(self) -> None:
        """Forget every condition: another replica may have changed them while this one was not leading."""
        self._states.clear()
        self._counts.clear()
        self._held.clear()
        self._metrics.clear("resources")

    def _count_held(self, key: Key, before: float, after: float) -> None:
        """Count what is new; a decision whose status could not be written is made again, and nothing of it is new."""
        known = max(before, self._held.get(key, 0.0))
        if not after:
            self._held.pop(key, None)  # a new resource may have the name of a deleted one
        if after > known:
            self._metrics.count("accelerator_seconds", by=after - known)
            self._held[key] = after

    def _move(self, key: Key, state: tuple[str, str] | None) -> None:
        old = self._states.pop(key, None)
        if state is not None:
            self._states[key] = state
        for one, step in ((old, -1), (state, 1)):
            if one is not None and old != state:
                self._counts[one] += step
                self._metrics.set("resources", self._counts[one], *one)


def _held(status: Status) -> float:
    return status.accelerator_time.held_seconds if status.accelerator_time else 0.0


def _ready(status: Status) -> tuple[str, str]:
    ready = status.condition(READY)
    return (str(ready.status), str(ready.reason)) if ready else ("Unknown", "")

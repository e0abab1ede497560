"""The operator's metrics, one row each; names follow the Prometheus conventions."""

from collections.abc import Callable
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_STAGE_SECONDS = (1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)


class Row(NamedTuple):
    """One metric: kind, name, help and labels."""

    kind: type[Counter] | type[Gauge] | type[Histogram]
    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = _SECONDS


# fmt: off
TABLE = (
    Row(Histogram, "shardwright_reconcile_seconds", "Time to look at and act on one resource.", ("result",)),
    Row(Gauge, "shardwright_queue_depth", "Resources that wait for a worker."),
    Row(Gauge, "shardwright_queue_working", "Resources that are worked on."),
    Row(Gauge, "shardwright_queue_delayed", "Resources that wait for a time."),
    Row(Gauge, "shardwright_queue_oldest_wait_seconds", "How long the first resource in line has waited."),
    Row(Histogram, "shardwright_queue_wait_seconds", "How long resources waited for a worker."),
    Row(Counter, "shardwright_retries", "Looks at a resource that failed and were put off.", ("reason",)),
    Row(Histogram, "shardwright_api_call_seconds", "Calls to the API server.", ("verb", "resource", "code")),
    Row(Counter, "shardwright_status_writes", "Decisions by what became of the status.", ("result",)),
    Row(Counter, "shardwright_actions", "Actions carried out.", ("action",)),
    Row(Counter, "shardwright_attempts", "Attempts that ended, by stage and reason.", ("stage", "reason")),
    Row(Gauge, "shardwright_resources", "Resources by their condition Ready and its reason.", ("ready", "reason")),
    Row(Histogram, "shardwright_stage_seconds", "Duration of stages of successful runs.", ("stage",), _STAGE_SECONDS),
    Row(Counter, "shardwright_artifact_bytes", "Bytes of the artifacts that became Ready."),
    Row(Gauge, "shardwright_leader", "1 while this replica works, 0 while it stands by."),
    Row(Gauge, "shardwright_cache_objects", "Objects in the cache.", ("resource",)),
    Row(Gauge, "shardwright_watch_age_seconds", "Time since the last sign of life of a watch.", ("resource",)),
    Row(Counter, "shardwright_watch_restarts", "Watches that ended and were started again.", ("reason",)),
    Row(Counter, "shardwright_watch_events", "Events that watches delivered.", ("resource",)),
    Row(Counter, "shardwright_list_corrections", "Objects that a list had to correct in the cache.", ("resource",)),
    Row(Counter, "shardwright_objects_skipped", "Objects left out because they cannot be read.", ("resource",)),
    Row(Counter, "shardwright_events_dropped", "Events that could not be told."),
    Row(Gauge, "shardwright_loop_lag_seconds", "How late the event loop runs."),
)
# fmt: on


class Metrics:
    """The metrics of one process, by name without the prefix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._metrics: dict[str, Counter | Gauge | Histogram] = {row.name: _make(row, self.registry) for row in TABLE}

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        """Add to a counter."""
        metric = self._of(name, labels)
        assert isinstance(metric, Counter)
        metric.inc(by)

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """Add a value to a histogram."""
        metric = self._of(name, labels)
        assert isinstance(metric, Histogram)
        metric.observe(seconds)

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge."""
        metric = self._of(name, labels)
        assert isinstance(metric, Gauge)
        metric.set(value)

    def follow(self, name: str, read: Callable[[], float], *labels: str) -> None:
        """Let a gauge read its value when it is asked for."""
        metric = self._of(name, labels)
        assert isinstance(metric, Gauge)
        metric.set_function(read)

    def clear(self, name: str) -> None:
        """Forget all values of a gauge with labels."""
        self._metrics[f"shardwright_{name}"].clear()

    def _of(self, name: str, labels: tuple[str, ...]) -> Counter | Gauge | Histogram:
        metric = self._metrics[f"shardwright_{name}"]
        return metric.labels(*labels) if labels else metric


def _make(row: Row, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    if row.kind is Histogram:
        return Histogram(row.name, row.help, row.labels, registry=registry, buckets=row.buckets)
    return row.kind(row.name, row.help, row.labels, registry=registry)

"""The operator's metrics, one row each, named after the Prometheus conventions: base units, plural, unit last.

https://prometheus.io/docs/practices/naming/
"""

from collections.abc import Callable
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Upper bounds of histogram buckets, in seconds.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_STAGE_SECONDS = (1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)


class Metric(NamedTuple):
    """One metric. The client library adds `_total` to the name of a counter."""

    kind: type[Counter] | type[Gauge] | type[Histogram]
    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = _SECONDS


# fmt: off
TABLE = (
    Metric(Histogram, "shardwright_reconcile_seconds", "Time to reconcile one resource.", ("result",)),
    Metric(Gauge, "shardwright_queue_depth", "Resources waiting for a worker."),
    Metric(Gauge, "shardwright_queue_working", "Resources being reconciled."),
    Metric(Gauge, "shardwright_queue_delayed", "Resources queued for a later time."),
    Metric(Gauge, "shardwright_queue_oldest_wait_seconds", "Time that the first resource in the queue has waited."),
    Metric(Histogram, "shardwright_queue_wait_seconds", "Time that resources waited for a worker."),
    Metric(Counter, "shardwright_retries", "Reconciliations that are retried with backoff.", ("reason",)),
    Metric(Histogram, "shardwright_api_call_seconds", "Time of calls to the API server.", ("verb", "resource", "code")),
    Metric(Counter, "shardwright_status_writes", "Reconciliations, by whether the status was written.", ("result",)),
    Metric(Counter, "shardwright_actions", "Actions on Jobs and claims that succeeded.", ("action",)),
    Metric(Counter, "shardwright_attempts", "Ended attempts, by stage and reason.", ("stage", "reason")),
    Metric(Gauge, "shardwright_resources", "Resources, by their condition Ready and its reason.", ("ready", "reason")),
    Metric(Histogram, "shardwright_stage_seconds", "Time of stages of successful runs.", ("stage",), _STAGE_SECONDS),
    Metric(Counter, "shardwright_accelerator_seconds", "Time of ended shard pods, each times its accelerators."),
    Metric(Counter, "shardwright_artifact_bytes", "Bytes of the artifacts that were published."),
    Metric(Gauge, "shardwright_leader", "1 while this replica leads, 0 while it is a standby."),
    Metric(Gauge, "shardwright_cache_objects", "Objects in the cache.", ("resource",)),
    Metric(Gauge, "shardwright_watch_age_seconds", "Time since the last activity of a watch.", ("resource",)),
    Metric(Counter, "shardwright_watch_restarts", "Restarts of the watches, by cause.", ("reason",)),
    Metric(Counter, "shardwright_watch_events", "Watch events that were new to the cache.", ("resource",)),
    Metric(Counter, "shardwright_list_corrections", "Resources whose cached objects a list corrected.", ("resource",)),
    Metric(Counter, "shardwright_objects_skipped", "Malformed objects that were skipped.", ("resource",)),
    Metric(Counter, "shardwright_events_dropped", "Kubernetes Events that could not be written."),
    Metric(Gauge, "shardwright_loop_lag_seconds", "Delay of the event loop."),
)
# fmt: on


class Metrics:
    """The metrics of one process, by name without the prefix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._metrics: dict[str, Counter | Gauge | Histogram] = {row.name: _create(row, self.registry) for row in TABLE}

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        """Add to a counter."""
        metric = self._of(name, labels)
        assert isinstance(metric, Counter)
        metric.inc(by)

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """Add a value in seconds to a histogram."""
        metric = self._of(name, labels)
        assert isinstance(metric, Histogram)
        metric.observe(seconds)

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge."""
        metric = self._of(name, labels)
        assert isinstance(metric, Gauge)
        metric.set(value)

    def set_function(self, name: str, read: Callable[[], float], *labels: str) -> None:
        """Let a gauge call this for its value at each scrape."""
        metric = self._of(name, labels)
        assert isinstance(metric, Gauge)
        metric.set_function(read)

    def clear(self, name: str) -> None:
        """Remove all values of a gauge with labels."""
        self._metrics[f"shardwright_{name}"].clear()

    def _of(self, name: str, labels: tuple[str, ...]) -> Counter | Gauge | Histogram:
        metric = self._metrics[f"shardwright_{name}"]
        return metric.labels(*labels) if labels else metric


def _create(row: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    if row.kind is Histogram:
        return Histogram(row.name, row.help, row.labels, registry=registry, buckets=row.buckets)
    return row.kind(row.name, row.help, row.labels, registry=registry)

"""Applies the deltas of lists and watches to the cache in their order, and queues the resources that they affect."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, WATCHED, Kind
from shardwright_operator.runtime.deltas import Delta, ListDelta, ObjectDelta
from shardwright_operator.runtime.metrics import Metrics

_BATCH = 200  # deltas applied before other tasks of the loop get their turn

# A resource, and whether it is new.
Enqueue = Callable[[Key, bool], None]


class Informer:
    """Feeds one cache. `on_delta` and `call_soon` may be called from any thread; the rest runs in the operator's loop.

    So code between two awaits sees one state of the cache, and nothing needs a lock.
    """

    def __init__(self, cache: Cache, enqueue: Enqueue, metrics: Metrics) -> None:
        self._cache, self._enqueue, self._metrics = cache, enqueue, metrics
        self._deltas: deque[Delta] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scheduled = False
        self._missing: set[tuple[Kind, str | None]] = set()  # lists that this run has not delivered yet
        self._early_claims: list[ListDelta] = []
        self._synced = asyncio.Event()

    @property
    def has_synced(self) -> bool:
        """Whether the cache has been complete once."""
        return self._synced.is_set()

    async def wait_for_sync(self) -> None:
        """Wait until the cache has been complete once."""
        await self._synced.wait()

    def start_run(self, namespaces: Sequence[str]) -> None:
        """Expect the lists of a new run of watches: one of each kind in each namespace (none: in all of them)."""
        self._loop = asyncio.get_running_loop()
        self._missing = {(kind, namespace) for kind in WATCHED for namespace in tuple(namespaces) or (None,)}
        self._early_claims.clear()

    def on_delta(self, delta: Delta) -> None:
        """Queue a delta. May be called from any thread."""
        self._deltas.append(delta)
        if not self._scheduled:
            self._scheduled = True
            self.call_soon(self._apply_batch)

    def call_soon(self, function: Callable[[], None]) -> None:
        """Call this in the operator's loop. May be called from any thread."""
        assert self._loop is not None, "start_run comes first"
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            pass  # the loop is closed: the process is about to exit

    def _apply_batch(self) -> None:
        # Cleared first: a delta that is appended from here on is either applied below or schedules another batch.
        self._scheduled = False
        for _ in range(_BATCH):
            if not self._deltas:
                return
            match self._deltas.popleft():
                case ObjectDelta() as delta:
                    self._apply_object(delta)
                case ListDelta() as delta:
                    self._apply_list(delta)
        self._scheduled = True
        self.call_soon(self._apply_batch)

    def _apply_object(self, delta: ObjectDelta) -> None:
        self._metrics.count("watch_events", delta.kind.plural)
        new = False
        if delta.entry is None:
            affected = self._cache.remove(delta.kind, delta.key, delta.uid)
        else:
            new = delta.kind is CHECKPOINTS and self._cache.resources.get(delta.key) is None
            affected = self._cache.put(delta.kind, delta.entry)
        for key in affected:
            self._enqueue(key, new)

    def _apply_list(self, delta: ListDelta) -> None:
        if delta.kind is CLAIMS and (CHECKPOINTS, delta.namespace) in self._missing:
            # The cache keeps only claims that a resource names, and it does not know the resources yet.
            self._early_claims.append(delta)
            return
        namespaces = (delta.namespace,) if delta.namespace else ()
        affected = self._cache.replace(delta.kind, delta.entries, delta.started, namespaces)
        for key in affected:
            self._enqueue(key, False)
        if self.has_synced and affected:
            self._metrics.count("list_corrections", delta.kind.plural, by=len(affected))
        self._missing.discard((delta.kind, delta.namespace))
        if delta.kind is CHECKPOINTS:
            self._apply_early_claims(delta.namespace)
        if not self._missing:
            self._synced.set()

    def _apply_early_claims(self, namespace: str | None) -> None:
        ready = [delta for delta in self._early_claims if delta.namespace == namespace]
        self._early_claims = [delta for delta in self._early_claims if delta.namespace != namespace]
        for delta in ready:
            self._apply_list(delta)

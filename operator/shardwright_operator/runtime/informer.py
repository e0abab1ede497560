"""Brings the watches' news into the cache, in their order, and tells the queue whom they concern."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.indexer import Cache
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, WATCHED, Kind
from shardwright_operator.runtime.deltas import Listed, News, Seen
from shardwright_operator.runtime.metrics import Metrics

_BATCH = 200  # news taken in before other work gets its turn

Enqueue = Callable[[Key, bool], None]


class Intake:
    """`deliver` may be called from any thread; everything else happens in the loop of `begin`."""

    def __init__(self, cache: Cache, enqueue: Enqueue, metrics: Metrics) -> None:
        self._cache, self._enqueue, self._metrics = cache, enqueue, metrics
        self._news: deque[News] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scheduled = False
        self._missing: set[tuple[Kind, str | None]] = set()  # lists that this run has not brought yet
        self._held: list[Listed] = []
        self._filled = asyncio.Event()

    @property
    def filled(self) -> bool:
        """Whether the cache has been complete once."""
        return self._filled.is_set()

    async def wait_filled(self) -> None:
        """Wait until the cache has been complete once."""
        await self._filled.wait()

    def begin(self, namespaces: Sequence[str]) -> None:
        """A run of watches begins, which lists everything first."""
        self._loop = asyncio.get_running_loop()
        self._missing = {(kind, space) for kind in WATCHED for space in tuple(namespaces) or (None,)}
        self._held.clear()

    def deliver(self, news: News) -> None:
        """Take these news in soon."""
        self._news.append(news)
        if not self._scheduled:
            self._scheduled = True
            self.call(self._take_in)

    def call(self, function: Callable[[], None]) -> None:
        """From any thread: call this in our loop."""
        assert self._loop is not None, "nothing has begun"
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            pass  # our loop is closed: the process is ending

    def _take_in(self) -> None:
        # Cleared first: what is appended from here on either is seen below or schedules another round.
        self._scheduled = False
        for _ in range(_BATCH):
            if not self._news:
                return
            match self._news.popleft():
                case Seen() as seen:
                    self._take_seen(seen)
                case Listed() as listed:
                    self._take_list(listed)
        self._scheduled = True
        self.call(self._take_in)

    def _take_seen(self, seen: Seen) -> None:
        self._metrics.count("watch_events", seen.kind.plural)
        fresh = False
        if seen.entry is None:
            affected = self._cache.remove(seen.kind, seen.key, seen.uid)
        else:
            fresh = seen.kind is CHECKPOINTS and self._cache.resources.get(seen.key) is None
            affected = self._cache.put(seen.kind, seen.entry)
        for key in affected:
            self._enqueue(key, fresh)

    def _take_list(self, listed: Listed) -> None:
        if listed.kind is CLAIMS and (CHECKPOINTS, listed.namespace) in self._missing:
            self._held.append(listed)  # the resources say which claims are of interest
            return
        namespaces = (listed.namespace,) if listed.namespace else ()
        affected = self._cache.reconcile(listed.kind, listed.entries, listed.started, namespaces)
        for key in affected:
            self._enqueue(key, False)
        if self.filled and affected:
            self._metrics.count("list_corrections", listed.kind.plural, by=len(affected))
        self._missing.discard((listed.kind, listed.namespace))
        if listed.kind is CHECKPOINTS:
            ready = [one for one in self._held if one.namespace == listed.namespace]
            self._held = [one for one in self._held if one.namespace != listed.namespace]
            for one in ready:
                self._take_list(one)
        if not self._missing:
            self._filled.set()

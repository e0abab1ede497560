"""Complete lists now and then: they find what a watch should have told and did not."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from shardwright_operator.kube.cached_objects import AnyEntry, Key
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import ApiError
from shardwright_operator.kube.indexer import Cache
from shardwright_operator.kube.kinds import WATCHED, Kind

log = logging.getLogger(__name__)

_LAG = 5.0  # seconds by which a watch may come after a list: what differs for longer was missed, not late


class Relister:
    """Lists every watched kind every `interval` seconds or so. `on_missed` hears how much of a kind was wrong."""

    def __init__(
        self,
        client: Client,
        cache: Cache,
        namespaces: Callable[[], Sequence[str]],
        enqueue: Callable[[Key], None],
        on_missed: Callable[[Kind, int], None],
        interval: float,
    ) -> None:
        self._client, self._cache, self._namespaces = client, cache, namespaces
        self._enqueue, self._on_missed, self._interval = enqueue, on_missed, interval

    async def run(self) -> None:
        """List until cancelled. The first lists are the watches' own."""
        while True:
            await asyncio.sleep(self._interval * random.uniform(0.8, 1.2))
            try:
                for kind in WATCHED:
                    await self._list(kind)
            except ApiError as error:
                log.warning("a complete list failed: %s", error)

    async def _list(self, kind: Kind) -> None:
        started, namespaces = self._cache.clock(), tuple(self._namespaces())
        listed: dict[Key, AnyEntry] = {}
        for namespace in namespaces or (None,):
            async for page in self._client.pages(kind, namespace, labels=kind.selector):
                entries = (self._cache.read(kind, raw) for raw in page["items"])
                listed.update({entry.key: entry for entry in entries if entry})
        await asyncio.sleep(min(_LAG, self._interval))
        affected = self._cache.reconcile(kind, list(listed.values()), started, namespaces)
        for key in affected:
            self._enqueue(key)
        if affected:
            self._on_missed(kind, len(affected))

"""Lists everything now and then, to find what a watch should have reported and did not."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import AnyEntry, Key
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import ApiError
from shardwright_operator.kube.kinds import WATCHED, Kind

log = logging.getLogger(__name__)

_WATCH_LAG = 5.0  # seconds that a watch may lag behind a list: what differs for longer was missed, not late


class Relister:
    """Lists every watched kind about every `interval` seconds.

    client-go's resync only replays the store, and would repeat what a watch has missed; this reads from the API server.
    `on_missed` is called with a kind and the number of resources that were affected by its differences.
    """

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
        """List until cancelled. The first wait comes first: the watches start with lists of their own."""
        while True:
            # Jittered, so that two replicas do not list at the same time again and again.
            await asyncio.sleep(self._interval * random.uniform(0.8, 1.2))
            try:
                for kind in WATCHED:
                    await self._relist(kind)
            except ApiError as error:
                log.warning("relist failed: %s", error)

    async def _relist(self, kind: Kind) -> None:
        started, namespaces = self._cache.clock(), tuple(self._namespaces())
        listed: dict[Key, AnyEntry] = {}
        for namespace in namespaces or (None,):
            async for page in self._client.pages(kind, namespace, labels=kind.selector):
                entries = (self._cache.read(kind, raw) for raw in page["items"])
                listed.update({entry.key: entry for entry in entries if entry})
        # An event that the watch delivers meanwhile touches its object, and the list does not overrule it.
        await asyncio.sleep(min(_WATCH_LAG, self._interval))
        affected = self._cache.replace(kind, list(listed.values()), started, namespaces)
        for key in affected:
            self._enqueue(key)
        if affected:
            self._on_missed(kind, len(affected))

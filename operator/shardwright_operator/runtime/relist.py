"""Complete lists: they fill the cache at the start, and find later what no watch has told."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.convert import CONVERT
from shardwright_operator.kube.entries import AnyEntry, Key
from shardwright_operator.kube.errors import ApiError
from shardwright_operator.kube.kinds import WATCHED, Kind

log = logging.getLogger(__name__)

_LAG = 5.0  # seconds by which a watch may come after a list: what differs for longer was missed, not late


class Relister:
    """Lists every watched kind every `interval` seconds or so, and whenever `soon` is called."""

    def __init__(
        self,
        client: Client,
        cache: Cache,
        namespaces: Callable[[], Sequence[str]],
        enqueue: Callable[[Key], None],
        on_correction: Callable[[Kind, int, bool], None],
        interval: float,
    ) -> None:
        self._client, self._cache, self._namespaces = client, cache, namespaces
        self._enqueue, self._on_correction, self._interval = enqueue, on_correction, interval
        self._wanted, self._listed = asyncio.Event(), asyncio.Event()

    @property
    def filled(self) -> bool:
        """Whether the cache has been complete once."""
        return self._listed.is_set()

    async def first(self) -> None:
        """Wait until the cache has been complete once."""
        await self._listed.wait()

    def soon(self) -> None:
        """Watches have begun after a list: what was deleted between two of their lists is told by nobody else."""
        self._wanted.set()

    async def run(self) -> None:
        """List until cancelled: for the first time when the watches have begun, so that nothing falls in between."""
        await self._wanted.wait()
        while True:
            expected = self._wanted.is_set()
            self._wanted.clear()
            pause = self._interval * random.uniform(0.8, 1.2)
            try:
                await self._list_all(expected)
            except ApiError as error:
                log.warning("a complete list failed: %s", error)
                self._wanted.set()
                await asyncio.sleep(min(5.0, self._interval))
                continue
            try:
                await asyncio.wait_for(self._wanted.wait(), pause)
            except TimeoutError:
                pass

    async def _list_all(self, expected: bool) -> None:
        # Resources first: they say which claims are of interest.
        for kind in WATCHED:
            await self._list(kind, expected)
        self._listed.set()

    async def _list(self, kind: Kind, expected: bool) -> None:
        started = self._cache.clock()
        namespaces, listed = await self._read(kind)
        if self.filled and not expected:
            await asyncio.sleep(_LAG)
        affected = self._cache.reconcile(kind, listed, started, namespaces)
        for key in affected:
            self._enqueue(key)
        if self.filled and affected:
            self._on_correction(kind, len(affected), expected)
            fields = {"kind": kind.kind, "number": len(affected)}
            log.info("a complete list corrected the cache", extra={"fields": fields})

    async def _read(self, kind: Kind) -> tuple[tuple[str, ...], list[AnyEntry]]:
        convert = CONVERT[kind]
        listed: dict[Key, AnyEntry] = {}
        namespaces = tuple(self._namespaces())
        for namespace in namespaces or (None,):
            async for page in self._client.pages(kind, namespace, labels=kind.selector):
                for raw in page["items"]:
                    entry = convert(raw)
                    listed[entry.key] = entry
        return namespaces, list(listed.values())

"""Looks whether what is to be watched can be read, says clearly what is missing, and waits for it."""

import asyncio
import logging
from collections.abc import Sequence

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import ApiError, Forbidden, NotServed
from shardwright_operator.kube.kinds import CHECKPOINTS, WATCHED, Kind

log = logging.getLogger(__name__)

_PAUSE = 5.0


class Preflight:
    """Finds out which of the wanted namespaces (none: the whole cluster) can be served now."""

    def __init__(self, client: Client, namespaces: Sequence[str], pause: float = _PAUSE) -> None:
        self._client, self._namespaces, self._pause = client, tuple(namespaces), pause
        self.readable: tuple[str, ...] = ()
        self._told: dict[str, str] = {}

    @property
    def complete(self) -> bool:
        """Whether nothing that was asked for is left out."""
        return self.readable == self._namespaces

    async def wait(self) -> tuple[str, ...]:
        """Wait until the cluster, or at least one of the namespaces, can be read; gives the namespaces that can."""
        while True:
            if await self.look():
                return self.readable
            await asyncio.sleep(self._pause)

    async def look(self) -> bool:
        """Look once; whether there is anything to serve."""
        if not self._namespaces:
            return await self._can_read(None)
        readable = [space for space in self._namespaces if await self._can_read(space)]
        self.readable = tuple(readable)
        return bool(readable)

    async def _can_read(self, namespace: str | None) -> bool:
        where = f"in namespace {namespace}" if namespace else "in all namespaces"
        for kind in WATCHED:
            try:
                async for _ in self._client.pages(kind, namespace, labels=kind.selector, limit=1):
                    break
            except ApiError as error:
                self._tell(where, _explain(kind, where, error))
                return False
        if self._told.pop(where, None):
            log.info("everything can be read %s", where)
        return True

    def _tell(self, where: str, message: str) -> None:
        if self._told.get(where) != message:
            self._told[where] = message
            log.error("waiting: %s", message)


def _explain(kind: Kind, where: str, error: ApiError) -> str:
    if isinstance(error, NotServed) and kind is CHECKPOINTS:
        return f"the CustomResourceDefinition {CHECKPOINTS} is not installed; apply the crds/ of this release"
    if isinstance(error, Forbidden):
        return f"no permission to list {kind} {where}; grant the verbs get, list and watch ({error.message})"
    return str(error)

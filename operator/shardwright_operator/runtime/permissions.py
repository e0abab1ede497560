"""Checks which namespaces the operator can read, says which permission is missing, and waits for it."""

import asyncio
import logging
from collections.abc import Sequence

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import ApiError, Forbidden, NotServed
from shardwright_operator.kube.kinds import CHECKPOINTS, WATCHED, Kind

log = logging.getLogger(__name__)

_PERIOD = 5.0  # seconds


class PermissionCheck:
    """Finds which of the configured namespaces (none: the whole cluster) can be served now.

    It lists one object of each kind, which needs no permission beyond those that watching needs.
    """

    def __init__(self, client: Client, namespaces: Sequence[str], period: float = _PERIOD) -> None:
        self._client, self._namespaces, self._period = client, tuple(namespaces), period
        self._logged: dict[str, str] = {}  # scope -> the last problem logged
        self.readable: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every configured namespace can be read."""
        return self.readable == self._namespaces

    async def wait(self) -> None:
        """Wait until the cluster, or at least one of the namespaces, can be read."""
        while True:
            if await self.check():
                return
            await asyncio.sleep(self._period)

    async def check(self) -> bool:
        """Update `readable`, and return whether there is anything to serve."""
        if not self._namespaces:
            return await self._can_read(None)
        self.readable = tuple([one for one in self._namespaces if await self._can_read(one)])
        return bool(self.readable)

    async def _can_read(self, namespace: str | None) -> bool:
        scope = f"in namespace {namespace}" if namespace else "in all namespaces"
        for kind in WATCHED:
            try:
                async for _ in self._client.pages(kind, namespace, labels=kind.selector, limit=1):
                    break
            except ApiError as error:
                self._log_once(scope, _explain(kind, scope, error))
                return False
        if self._logged.pop(scope, None):
            log.info("every kind can be read %s", scope)
        return True

    def _log_once(self, scope: str, problem: str) -> None:
        if self._logged.get(scope) != problem:
            self._logged[scope] = problem
            log.error("waiting: %s", problem)


def _explain(kind: Kind, scope: str, error: ApiError) -> str:
    if isinstance(error, NotServed) and kind is CHECKPOINTS:
        return f"the CustomResourceDefinition {CHECKPOINTS} is not installed; apply the crds/ of this release"
    if isinstance(error, Forbidden):
        return f"no permission to list {kind} {scope}; grant the verbs get, list and watch ({error.message})"
    return str(error)

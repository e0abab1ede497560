"""Leader election by a Lease, with the semantics of client-go: one replica leads, the others are warm standbys.

https://github.com/kubernetes/client-go/blob/v0.36.3/tools/leaderelection/leaderelection.go#L17
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import ApiError, NotFound
from shardwright_operator.runtime.lease_lock import LeaseLock

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeaderElectionConfig:
    """Where the Lease is, and its times in seconds."""

    namespace: str
    name: str
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0


class LeaderElector:
    """One candidate for the Lease.

    It does not fence: a leader that was suspended may still send a write that it had begun. Correctness does not depend
    on the Lease, since every write names the uid or resourceVersion for which it is meant.
    """

    def __init__(
        self,
        client: Client,
        config: LeaderElectionConfig,
        identity: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._config, self._identity, self._clock, self._sleep = config, identity, clock, sleep
        self._lock = LeaseLock(client, config.namespace, config.name, identity, config.lease_duration, clock)
        self._renewed_at = float("-inf")
        self.is_leader = False

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Run `lead` whenever the Lease is acquired, and cancel it when the Lease is lost. Runs until cancelled.

        Raises:
            Exception: what `lead` raised; it should not return.
        """
        try:
            while True:
                await self._acquire()
                log.info("became leader", extra={"fields": {"identity": self._identity}})
                await self._lead_until_lost(lead)
                log.warning("stopped leading: the Lease was lost", extra={"fields": {"identity": self._identity}})
        finally:
            await self.release()

    async def try_acquire_or_renew(self) -> bool:
        """Try once to acquire or renew the Lease, and return whether this replica leads now.

        https://github.com/kubernetes/client-go/blob/v0.36.3/tools/leaderelection/leaderelection.go#L432
        """
        started = self._clock()
        try:
            # Half the deadline, so that a call that hangs leaves time for another one.
            async with asyncio.timeout(self._config.renew_deadline / 2):
                self.is_leader = await self._acquire_or_renew()
        except (ApiError, TimeoutError) as error:
            log.debug("lease: %s", error)
            # Whether the write took effect is not known: the next try reads the Lease first.
            self._lock.is_current = False
            return False
        if self.is_leader:
            # The time before the request, not after it: other candidates count from when the write took effect.
            self._renewed_at = started
        return self.is_leader

    async def release(self) -> None:
        """Release the Lease, so that another replica takes over at once instead of after `lease_duration`."""
        if not self.is_leader:
            return
        self.is_leader = False
        try:
            async with asyncio.timeout(self._config.renew_deadline / 2):
                if not self._lock.is_current:  # cancelled in the middle of a renewal
                    await self._lock.read()
                if self._lock.is_ours:
                    await self._lock.clear_holder()
        except (ApiError, TimeoutError) as error:
            log.warning("the Lease could not be released: %s", error)

    async def _acquire(self) -> None:
        while not await self.try_acquire_or_renew():
            # Jittered, so that candidates do not collide at each try.
            await self._sleep(self._config.retry_period * random.uniform(1.0, 2.2))

    async def _lead_until_lost(self, lead: Callable[[], Awaitable[None]]) -> None:
        leading = asyncio.ensure_future(lead())
        renewing = asyncio.ensure_future(self._renew())
        try:
            await asyncio.wait({leading, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if leading.done():
                await leading  # it should not return: raise its error
        finally:
            for task in (leading, renewing):
                task.cancel()
            # Awaited before the Lease is released: no work is left when another replica starts.
            await asyncio.gather(leading, renewing, return_exceptions=True)

    async def _renew(self) -> None:
        """Renew the Lease until another replica holds it, or no renewal has succeeded within the deadline."""
        while True:
            await self._sleep(self._config.retry_period)
            if await self.try_acquire_or_renew():
                continue
            overdue = self._clock() - self._renewed_at > self._config.renew_deadline
            if self._lock.is_held_by_another or overdue:
                self.is_leader = False
                return

    async def _acquire_or_renew(self) -> bool:
        # client-go's fast path: while this replica leads, the Lease is what it wrote last.
        if self.is_leader and self._lock.is_current and not self._lock.expired:
            await self._lock.acquire()
            return True
        try:
            await self._lock.read()
        except NotFound:
            await self._lock.create()
            return True
        if self._lock.is_held_by_another:
            return False
        await self._lock.acquire()
        return True

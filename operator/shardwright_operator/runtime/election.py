"""Leader election by a Lease, with the semantics of client-go: one replica works, the others stand by, warm."""

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import ApiError, NotFound
from shardwright_operator.kube.kinds import LEASES
from shardwright_operator.kube.responses import Raw

log = logging.getLogger(__name__)

_LONGEST = 600.0  # seconds for which a silent holder is believed, whatever its record asks for
_TURNS = 2**31  # the API server takes no more


@dataclass(frozen=True, slots=True)
class Terms:
    """Where the Lease is and how long its times are, in seconds."""

    namespace: str
    name: str
    duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0


class Elector:
    """Tries to hold the Lease. It expires by our own clock since its record last changed, never by the times within."""

    def __init__(
        self,
        client: Client,
        terms: Terms,
        identity: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client, self._terms, self.identity = client, terms, identity
        self._clock, self._sleep = clock, sleep
        self._lease: Raw | None = None
        self._current = False  # whether the known resourceVersion is worth a write without another read
        self._seen_at = float("-inf")
        self._renewed_at = float("-inf")
        self.leading = False

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Whenever the Lease is ours, run `lead`, and cancel it when the Lease is lost. Runs until cancelled."""
        try:
            while True:
                await self._acquire()
                log.info("leading", extra={"fields": {"identity": self.identity}})
                await self._hold(lead)
                log.warning("the Lease is lost: standing by", extra={"fields": {"identity": self.identity}})
        finally:
            await self.release()

    async def try_once(self) -> bool:
        """One try to acquire or renew; whether the Lease is ours now."""
        started = self._clock()
        try:
            async with asyncio.timeout(self._terms.renew_deadline / 2):
                self.leading = await self._acquire_or_renew()
        except (ApiError, TimeoutError) as error:
            log.debug("lease: %s", error)
            self._current = False
            return False
        if self.leading:
            self._renewed_at = started
        return self.leading

    async def release(self) -> None:
        """Let another replica take over at once."""
        if not self.leading:
            return
        self.leading = False
        try:
            async with asyncio.timeout(self._terms.renew_deadline / 2):
                if not self._current:  # a renewal was broken off
                    self._observe(await self._client.get(LEASES, self._terms.namespace, self._terms.name))
                if self._lease is not None and self._holder() == self.identity:
                    spec = {**self._record(), "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _now()}
                    await self._write({**self._lease, "spec": spec})
        except (ApiError, TimeoutError) as error:
            log.warning("the Lease could not be released: %s", error)

    async def _acquire(self) -> None:
        while not await self.try_once():
            await self._sleep(self._terms.retry_period * random.uniform(1.0, 2.2))

    async def _hold(self, lead: Callable[[], Awaitable[None]]) -> None:
        work = asyncio.ensure_future(lead())
        renewing = asyncio.ensure_future(self._renew())
        try:
            await asyncio.wait({work, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work  # it never ends by itself: let its error be known
        finally:
            for task in (work, renewing):
                task.cancel()
            await asyncio.gather(work, renewing, return_exceptions=True)

    async def _renew(self) -> None:
        while True:
            await self._sleep(self._terms.retry_period)
            if await self.try_once():
                continue
            held_by_another = self._holder() not in ("", self.identity) and not self._expired()
            if held_by_another or self._clock() - self._renewed_at > self._terms.renew_deadline:
                self.leading = False
                return

    async def _acquire_or_renew(self) -> bool:
        if self.leading and self._current and self._lease is not None and not self._expired():
            await self._write({**self._lease, "spec": self._spec()})
            return True
        try:
            self._observe(await self._client.get(LEASES, self._terms.namespace, self._terms.name))
        except NotFound:
            return await self._create()
        if self._holder() not in ("", self.identity) and not self._expired():
            return False
        assert self._lease is not None
        await self._write({**self._lease, "spec": self._spec()})
        return True

    async def _create(self) -> bool:
        body = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self._terms.name, "namespace": self._terms.namespace},
            "spec": self._spec(),
        }
        self._observe(await self._client.create(LEASES, self._terms.namespace, body))
        return True

    async def _write(self, lease: Raw) -> None:
        self._current = False  # until the answer is there
        # The resourceVersion within makes a lost race a Conflict.
        self._observe(await self._client.replace(LEASES, self._terms.namespace, self._terms.name, lease))

    def _observe(self, lease: Raw) -> None:
        if self._lease is None or self._lease.get("spec") != lease.get("spec"):
            self._seen_at = self._clock()
        self._lease, self._current = lease, True

    def _expired(self) -> bool:
        return self._clock() >= self._seen_at + self._duration()

    def _duration(self) -> float:
        """How long the record says that it holds; our own terms where it says nothing that makes sense."""
        told = self._record().get("leaseDurationSeconds")
        if isinstance(told, bool) or not isinstance(told, int | float) or not math.isfinite(told) or told <= 0:
            return self._terms.duration
        return float(min(told, max(_LONGEST, self._terms.duration)))

    def _record(self) -> Raw:
        """The Lease's spec, in which anybody may have written anything."""
        spec = (self._lease or {}).get("spec")
        return spec if isinstance(spec, dict) else {}

    def _holder(self) -> str:
        return str(self._record().get("holderIdentity") or "")

    def _spec(self) -> dict[str, Any]:
        known = self._record()
        ours = known.get("holderIdentity") == self.identity
        turns = known.get("leaseTransitions")
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, int(self._terms.duration)),
            "acquireTime": known.get("acquireTime") if ours else _now(),
            "renewTime": _now(),
            "leaseTransitions": (_turns(turns) + (0 if ours or not known else 1)) % _TURNS,
        }


def _turns(told: object) -> int:
    return told if isinstance(told, int) and 0 <= told < _TURNS else 0


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

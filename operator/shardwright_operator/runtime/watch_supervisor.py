"""Keeps the watches running: waits for permissions, starts a run, and starts the next one when it ends or hangs."""

import asyncio
import logging
import random
import time

from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.credentials import Credentials
from shardwright_operator.kube.kinds import WATCHED, Kind
from shardwright_operator.runtime.informer import Informer
from shardwright_operator.runtime.kopf_settings import WatchTimeouts
from shardwright_operator.runtime.metrics import Metrics
from shardwright_operator.runtime.permissions import PermissionCheck
from shardwright_operator.runtime.reflector import Reflector

log = logging.getLogger(__name__)

# Seconds.
_GOOD_RUN = 120.0  # a run that lasted this long resets the backoff
_FIRST_BACKOFF, _LONGEST_BACKOFF = 1.0, 60.0
_CHECK_PERIOD = 5.0
_PERMISSION_PERIOD = 15.0


class WatchSupervisor:
    """Supervises the runs of the reflector, whose deltas go to the informer."""

    def __init__(
        self,
        credentials: Credentials,
        permissions: PermissionCheck,
        cache: Cache,
        informer: Informer,
        metrics: Metrics,
        timeouts: WatchTimeouts,
    ) -> None:
        self._credentials, self._permissions, self._cache, self._informer = credentials, permissions, cache, informer
        self._metrics, self._timeouts = metrics, timeouts
        self._reflector: Reflector | None = None
        # Monotonic: a wall clock that is set would make every watch look dead, or none.
        self._last_activity = {kind: time.monotonic() for kind in WATCHED}
        self._ended = asyncio.Event()
        self._restart_reason = ""

    async def run(self) -> None:
        """Watch until cancelled."""
        backoff = _FIRST_BACKOFF
        try:
            while True:
                namespaces = await self._readable_namespaces()
                started = time.monotonic()
                reason = await self._run_once(namespaces)
                lasted = time.monotonic() - started
                backoff = _FIRST_BACKOFF if lasted > _GOOD_RUN else min(_LONGEST_BACKOFF, backoff * 2)
                self._metrics.count("watch_restarts", reason.partition(":")[0])
                log.warning("the watches ended: %s", reason, extra={"fields": {"again_in": round(backoff, 1)}})
                await asyncio.sleep(backoff * random.uniform(0.5, 1.0))
        finally:
            await self._stop()

    def request_restart(self, reason: str) -> None:
        """Restart the watches soon: they have missed something."""
        self._restart_reason = reason

    def age(self, kind: Kind) -> float:
        """Return the seconds since this kind's watch was last active."""
        return time.monotonic() - self._last_activity[kind]

    def health(self) -> str:
        """Return what is wrong if a watch has stayed silent through several restarts, empty if nothing is.

        While permissions are missing there is no reflector, and a restart of the process would not help.
        """
        for kind in WATCHED if self._reflector else ():
            if (age := self.age(kind)) > 3 * self._timeouts.stuck_after:
                return f"the watch of {kind} has been silent for {age:.0f} s"
        return ""

    async def _readable_namespaces(self) -> tuple[str, ...]:
        if not await self._permissions.check():
            await self._permissions.wait()
            # What could not be read could not be watched: the silence starts now.
            self._last_activity.update(dict.fromkeys(WATCHED, time.monotonic()))
        return self._permissions.readable

    async def _run_once(self, namespaces: tuple[str, ...]) -> str:
        """Run the watches until something ends them, and return what: its kind before a colon."""
        self._ended.clear()
        self._restart_reason = ""
        # Before the reflector starts: its first list may arrive at once.
        self._informer.start_run(namespaces)
        self._reflector = Reflector(
            self._credentials,
            namespaces,
            self._timeouts,
            self._cache,
            self._informer.on_delta,
            lambda: self._informer.call_soon(self._ended.set),
            self._last_activity,
        )
        self._reflector.start()
        reason = await self._wait_for_end(self._reflector)
        await self._stop()
        return reason

    async def _wait_for_end(self, reflector: Reflector) -> str:
        checked = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(_CHECK_PERIOD):
                    await self._ended.wait()
                return f"error: {type(reflector.error).__name__} {str(reflector.error)[:200]}"
            except TimeoutError:
                pass
            if self._restart_reason:
                return f"missed: {self._restart_reason}"
            if reflector.silence() > self._timeouts.stuck_after:
                return f"silent: no activity for {reflector.silence():.0f} s"
            if not self._permissions.complete and time.monotonic() - checked > _PERMISSION_PERIOD:
                checked, before = time.monotonic(), self._permissions.readable
                await self._permissions.check()
                if self._permissions.readable != before:
                    return "namespaces: other namespaces can be read now"

    async def _stop(self) -> None:
        if (reflector := self._reflector) is not None:
            self._reflector = None
            reflector.stop()
            # Joined in a thread: the operator's loop must not block on a run that hangs.
            if not await asyncio.to_thread(reflector.join):
                log.error("the watches did not stop and were abandoned")

"""Keeps the cache fed by watches: starts them, brings their news in, and starts them again when they end or hang."""

import asyncio
import logging
import random
import time

from shardwright_operator.kube.indexer import Cache
from shardwright_operator.kube.kinds import WATCHED, Kind
from shardwright_operator.kube.kubeconfig import Login
from shardwright_operator.runtime.informer import Intake
from shardwright_operator.runtime.kopf_settings import Times
from shardwright_operator.runtime.metrics import Metrics
from shardwright_operator.runtime.permissions import Preflight
from shardwright_operator.runtime.reflector import Streams

log = logging.getLogger(__name__)

_CALM = 120.0  # a run that lasted so long was a good one: the next restart is quick again
_LONGEST_PAUSE = 60.0
_LOOK_PERIOD = 5.0
_MISSING_PERIOD = 15.0


class Watch:
    """Supervises the watches, whose news go to the intake."""

    def __init__(
        self,
        login: Login,
        preflight: Preflight,
        cache: Cache,
        intake: Intake,
        metrics: Metrics,
        times: Times,
    ) -> None:
        self._login, self._preflight, self._cache, self._intake = login, preflight, cache, intake
        self._metrics, self._times = metrics, times
        self._streams: Streams | None = None
        self._alive = {kind: time.monotonic() for kind in WATCHED}
        self._ended = asyncio.Event()
        self._doubt = ""

    async def run(self) -> None:
        """Watch until cancelled."""
        pause = 1.0
        try:
            while True:
                namespaces = await self._ready_to_watch()
                started = time.monotonic()
                why = await self._one_run(namespaces)
                pause = 1.0 if time.monotonic() - started > _CALM else min(_LONGEST_PAUSE, pause * 2)
                self._metrics.count("watch_restarts", why.partition(":")[0])
                log.warning("the watches ended: %s", why, extra={"fields": {"again_in": round(pause, 1)}})
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        finally:
            await self._end()

    async def _ready_to_watch(self) -> tuple[str, ...]:
        if not await self._preflight.look():
            await self._preflight.wait()
            # What could not be read could not be watched: the silence begins now.
            self._alive.update(dict.fromkeys(WATCHED, time.monotonic()))
        return self._preflight.readable

    def distrust(self, why: str) -> None:
        """Something was missed: start the watches anew."""
        self._doubt = why

    def age(self, kind: Kind) -> float:
        """Seconds since this kind's watch gave a sign of life."""
        return time.monotonic() - self._alive[kind]

    def health(self) -> str:
        """What is wrong if a watch stays silent though it was started anew, and lists are answered."""
        for kind in WATCHED if self._streams else ():
            if (age := self.age(kind)) > 3 * self._times.dead:
                return f"the watch of {kind} has given no sign of life for {age:.0f} s"
        return ""

    async def _one_run(self, namespaces: tuple[str, ...]) -> str:
        self._ended.clear()
        self._doubt = ""
        self._intake.begin(namespaces)
        self._streams = Streams(
            self._login,
            namespaces,
            self._times,
            self._cache.knows,
            self._intake.deliver,
            lambda: self._intake.call(self._ended.set),
            self._alive,
            self._cache.read,
        )
        self._streams.start()
        why = await self._until_over(self._streams)
        await self._end()
        return why

    async def _until_over(self, streams: Streams) -> str:
        """Wait for the end of a run, or for a reason to end it; gives the reason, its kind before a colon."""
        looked = time.monotonic()
        while True:
            try:
                await asyncio.wait_for(self._ended.wait(), _LOOK_PERIOD)
                return f"error: {type(streams.error).__name__} {str(streams.error)[:200]}"
            except TimeoutError:
                pass
            if self._doubt:
                return f"missed: {self._doubt}"
            if streams.silence() > self._times.dead:
                return f"silent: no sign of life for {streams.silence():.0f} s"
            if not self._preflight.complete and time.monotonic() - looked > _MISSING_PERIOD:
                looked, before = time.monotonic(), self._preflight.readable
                await self._preflight.look()
                if self._preflight.readable != before:
                    return "namespaces: other namespaces can be read now"

    async def _end(self) -> None:
        if (streams := self._streams) is not None:
            self._streams = None
            streams.stop()
            if not await asyncio.to_thread(streams.join):
                log.error("the watches hang and were left behind")

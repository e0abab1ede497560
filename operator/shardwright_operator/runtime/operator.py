"""Puts the operator together: its parts, the order in which they start, and the order in which they stop."""

import asyncio
import logging
import os
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence

from shardwright_operator.decide import decide
from shardwright_operator.decide.observed import Config
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.event_recorder import Recorder
from shardwright_operator.kube.executor import Executor
from shardwright_operator.kube.indexer import Cache
from shardwright_operator.kube.kinds import WATCHED, Kind
from shardwright_operator.kube.kubeconfig import log_in
from shardwright_operator.kube.notes import Memory
from shardwright_operator.kube.observer import Observer
from shardwright_operator.runtime.controller import Workers
from shardwright_operator.runtime.election import Elector, Terms
from shardwright_operator.runtime.health import Health, measure_lag
from shardwright_operator.runtime.informer import Intake
from shardwright_operator.runtime.kopf_settings import Times
from shardwright_operator.runtime.metrics import Metrics
from shardwright_operator.runtime.permissions import Preflight
from shardwright_operator.runtime.queue import WorkQueue
from shardwright_operator.runtime.resource_metrics import Tally
from shardwright_operator.runtime.resync import Relister
from shardwright_operator.runtime.settings import Settings
from shardwright_operator.runtime.watch_supervisor import Watch

log = logging.getLogger(__name__)

_STUCK = 900.0  # seconds for which the first resource in line may wait before a restart is the better hope


class Operator:
    """One replica."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        login = log_in(settings.kubeconfig, settings.context)
        config = Config(
            engine_image=settings.engine_image,
            prepare_image=settings.prepare_image,
            retry_base=settings.retry_base,
            retry_cap=settings.retry_cap,
            progress_interval=settings.progress_interval,
        )
        self.identity = f"{os.environ.get('POD_NAME') or socket.gethostname()}_{uuid.uuid4().hex[:8]}"
        self.metrics = Metrics()
        self.client = Client(login, self._on_call, settings.request_timeout)
        self.cache = Cache(on_odd=lambda kind: self.metrics.count("objects_skipped", kind.plural))
        self.memory = Memory()
        self.queue: WorkQueue[Key] = WorkQueue()
        self._recorder = Recorder(self.client, self.identity, on_drop=lambda: self.metrics.count("events_dropped"))
        observer = Observer(self.client, self.cache, self.memory, config)
        executor = Executor(self.client, self.cache, self.memory, observer, self._recorder)
        self._tally = Tally(self.metrics)
        self._workers = Workers(
            self.queue, observer, decide, executor, config, self.metrics, self._tally, settings.work_timeout
        )
        self._preflight = Preflight(self.client, settings.namespaces)
        self._intake = Intake(self.cache, self.queue.add, self.metrics)
        times = Times(settings.watch_timeout, settings.watch_silence)
        self._watch = Watch(login, self._preflight, self.cache, self._intake, self.metrics, times)
        self._relister = Relister(
            self.client,
            self.cache,
            lambda: self._preflight.readable,
            self.queue.add,
            self._on_missed,
            settings.relist_interval,
        )
        terms = Terms(
            settings.lease_namespace or os.environ.get("POD_NAMESPACE") or login.namespace,
            settings.lease_name,
            settings.lease_duration,
            settings.renew_deadline,
            settings.retry_period,
        )
        self._elector = Elector(self.client, terms, self.identity)
        self._leading = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; the Lease is given back and events are told before this returns."""
        self._follow()
        health = Health(
            self.metrics,
            alive={"watch": self._watch.health, "queue": self._queue_health},
            ready={"caches": lambda: "" if self._intake.filled else "the caches are not filled yet"},
        )
        await health.start(self._settings.metrics_address)
        log.info("started", extra={"fields": {"identity": self.identity, "namespaces": self._settings.namespaces}})
        work = [
            self._recorder.run(),
            self.queue.run_timers(),
            measure_lag(lambda lag: self.metrics.set("loop_lag_seconds", lag)),
            self._watch.run(),
            self._relister.run(),
            self._lead_when_filled(),
        ]
        try:
            await _until(stop, work)
        finally:
            await self._recorder.drain(2.0)
            await health.close()
            await self.client.close()
        log.info("stopped")

    async def _lead_when_filled(self) -> None:
        await self._intake.wait_filled()
        if self._settings.leader_elect:
            await self._elector.run(self._lead)
        else:
            await self._lead()

    async def _lead(self) -> None:
        self._leading = True
        self.metrics.set("leader", 1)
        self._tally.reset()
        for entry in self.cache.resources:
            self.queue.add(entry.key)
        try:
            await self._workers.run(self._settings.workers)
        finally:
            self._leading = False
            self.metrics.set("leader", 0)

    def _on_call(self, verb: str, resource: str, code: int, seconds: float) -> None:
        self.metrics.observe("api_call_seconds", seconds, verb, resource, str(code) if code else "none")

    def _on_missed(self, kind: Kind, number: int) -> None:
        self.metrics.count("list_corrections", kind.plural, by=number)
        self._watch.distrust(f"a list corrected {number} {kind.plural}")

    def _queue_health(self) -> str:
        if not self._leading:
            return ""
        if (work := self.queue.longest_work()) > self._settings.work_timeout + 60:
            return f"a worker has been busy with one resource for {work:.0f} s"
        if (wait := self.queue.oldest_wait()) > _STUCK:
            return f"a resource has waited for a worker for {wait:.0f} s"
        return ""

    def _follow(self) -> None:
        metrics = self.metrics
        metrics.set("leader", 0)
        metrics.follow("queue_depth", lambda: self.queue.depth)
        metrics.follow("queue_working", lambda: self.queue.working)
        metrics.follow("queue_delayed", lambda: self.queue.delayed)
        metrics.follow("queue_oldest_wait_seconds", self.queue.oldest_wait)
        for kind in WATCHED:
            metrics.follow("cache_objects", _sizer(self.cache, kind), kind.plural)
            metrics.follow("watch_age_seconds", _ager(self._watch, kind), kind.plural)


def _sizer(cache: Cache, kind: Kind) -> Callable[[], float]:
    return lambda: cache.size()[kind.plural]


def _ager(watch: Watch, kind: Kind) -> Callable[[], float]:
    return lambda: watch.age(kind)


async def _until(stop: asyncio.Event, work: Sequence[Awaitable[None]]) -> None:
    """Run all work until `stop` is set or one of it fails, which ends the process with its error."""
    started = time.monotonic()
    tasks = [asyncio.ensure_future(one) for one in work]
    stopping = asyncio.ensure_future(stop.wait())
    try:
        done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            await task
    finally:
        for task in [*tasks, stopping]:
            task.cancel()
        await asyncio.gather(*tasks, stopping, return_exceptions=True)
        log.debug("ran for %.0f s", time.monotonic() - started)

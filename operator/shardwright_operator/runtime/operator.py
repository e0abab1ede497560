"""Puts the operator together: its parts, the order in which they start, and the order in which they stop."""

import asyncio
import logging
import os
import socket
import time
import uuid
from collections.abc import Awaitable, Sequence
from functools import partial

from shardwright_operator.decide import decide
from shardwright_operator.decide.observed import Config
from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.credentials import Credentials, load_credentials
from shardwright_operator.kube.event_recorder import EventRecorder
from shardwright_operator.kube.executor import Executor
from shardwright_operator.kube.kinds import WATCHED, Kind
from shardwright_operator.kube.notes import NotesStore
from shardwright_operator.kube.observer import Observer
from shardwright_operator.runtime.controller import Controller
from shardwright_operator.runtime.election import LeaderElectionConfig, LeaderElector
from shardwright_operator.runtime.health import HealthServer, measure_lag
from shardwright_operator.runtime.informer import Informer
from shardwright_operator.runtime.kopf_settings import WatchTimeouts
from shardwright_operator.runtime.metrics import Metrics
from shardwright_operator.runtime.permissions import PermissionCheck
from shardwright_operator.runtime.queue import WorkQueue
from shardwright_operator.runtime.relist import Relister
from shardwright_operator.runtime.resource_metrics import ResourceMetrics
from shardwright_operator.runtime.settings import Settings
from shardwright_operator.runtime.watch_supervisor import WatchSupervisor

log = logging.getLogger(__name__)

# Seconds.
_LONGEST_WAIT = 900.0  # for which a resource may wait for a worker before a restart is the better hope
_TIMEOUT_GRACE = 60.0  # for which a worker may overrun its timeout
_EVENT_DRAIN = 2.0


class Operator:
    """One replica."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        credentials = load_credentials(settings.kubeconfig, settings.context)
        config = Config(
            engine_image=settings.engine_image,
            prepare_image=settings.prepare_image,
            retry_base=settings.retry_base,
            retry_cap=settings.retry_cap,
            progress_interval=settings.progress_interval,
        )
        # Unique for each process: a restarted container has its pod's name, but not its predecessor's Lease.
        self.identity = f"{os.environ.get('POD_NAME') or socket.gethostname()}_{uuid.uuid4().hex[:8]}"
        self.metrics = Metrics()
        self.client = Client(credentials, self._on_call, settings.request_timeout)
        self.cache = Cache(on_malformed=lambda kind: self.metrics.count("objects_skipped", kind.plural))
        self.queue: WorkQueue[Key] = WorkQueue()
        self._recorder = EventRecorder(self.client, self.identity, on_drop=lambda: self.metrics.count("events_dropped"))
        notes = NotesStore()
        observer = Observer(self.client, self.cache, notes, config)
        executor = Executor(self.client, self.cache, notes, config, self._recorder)
        self._resource_metrics = ResourceMetrics(self.metrics)
        self._controller = Controller(
            self.queue, observer, decide, executor, config, self.metrics, self._resource_metrics, settings.work_timeout
        )
        self._permissions = PermissionCheck(self.client, settings.namespaces)
        self._informer = Informer(self.cache, self.queue.add, self.metrics)
        timeouts = WatchTimeouts(settings.watch_timeout, settings.watch_silence)
        self._watches = WatchSupervisor(
            credentials, self._permissions, self.cache, self._informer, self.metrics, timeouts
        )
        self._relister = Relister(
            self.client,
            self.cache,
            lambda: self._permissions.readable,
            self.queue.add,
            self._on_missed,
            settings.relist_interval,
        )
        self._elector = LeaderElector(self.client, _election_config(settings, credentials), self.identity)
        self._leading = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Before this returns, the Lease is released and pending Events are written.

        Raises:
            Exception: a part failed that should run until the end; the process is restarted by its Deployment.
        """
        self._export_gauges()
        health = HealthServer(
            self.metrics,
            alive={"watch": self._watches.health, "queue": self._queue_health},
            ready={"cache": lambda: "" if self._informer.has_synced else "the cache is not filled yet"},
        )
        # First, so that the probes of a pod are answered while the cache is being filled.
        await health.start(self._settings.metrics_address)
        log.info("started", extra={"fields": {"identity": self.identity, "namespaces": self._settings.namespaces}})
        recording = asyncio.ensure_future(self._recorder.run())
        tasks = [
            self.queue.run_timers(),
            measure_lag(lambda seconds: self.metrics.set("loop_lag_seconds", seconds)),
            self._watches.run(),
            self._relister.run(),
            self._lead_when_synced(),
        ]
        try:
            await _run_until(stop, tasks)
        finally:
            # By now the elector has released the Lease. The last decisions' Events are still to be written, which needs
            # the client, so that closes last.
            await self._recorder.drain(_EVENT_DRAIN)
            recording.cancel()
            await health.close()
            await self.client.close()
        log.info("stopped")

    async def _lead_when_synced(self) -> None:
        # A decision from half a cache would take what is missing in it for deleted.
        await self._informer.wait_for_sync()
        if self._settings.leader_elect:
            await self._elector.run(self._lead)
        else:
            await self._lead()

    async def _lead(self) -> None:
        self._leading = True
        self.metrics.set("leader", 1)
        self._resource_metrics.reset()
        # As a standby, this replica cached changes and reconciled none of them.
        for entry in self.cache.resources:
            self.queue.add(entry.key)
        try:
            await self._controller.run(self._settings.workers)
        finally:
            self._leading = False
            self.metrics.set("leader", 0)

    def _on_call(self, verb: str, resource: str, code: int, seconds: float) -> None:
        self.metrics.observe("api_call_seconds", seconds, verb, resource, str(code) if code else "none")

    def _on_missed(self, kind: Kind, count: int) -> None:
        self.metrics.count("list_corrections", kind.plural, by=count)
        self._watches.request_restart(f"a list corrected {count} {kind.plural}")

    def _queue_health(self) -> str:
        if not self._leading:
            return ""
        if (busy := self.queue.longest_processing()) > self._settings.work_timeout + _TIMEOUT_GRACE:
            return f"a worker has been busy with one resource for {busy:.0f} s"
        if (wait := self.queue.oldest_wait()) > _LONGEST_WAIT:
            return f"a resource has waited for a worker for {wait:.0f} s"
        return ""

    def _export_gauges(self) -> None:
        metrics = self.metrics
        metrics.set("leader", 0)
        metrics.set_function("queue_depth", lambda: self.queue.depth)
        metrics.set_function("queue_working", lambda: self.queue.processing)
        metrics.set_function("queue_delayed", lambda: self.queue.delayed)
        metrics.set_function("queue_oldest_wait_seconds", self.queue.oldest_wait)
        for kind in WATCHED:
            metrics.set_function("cache_objects", partial(self._cached, kind), kind.plural)
            metrics.set_function("watch_age_seconds", partial(self._watches.age, kind), kind.plural)

    def _cached(self, kind: Kind) -> float:
        return self.cache.size()[kind.plural]


def _election_config(settings: Settings, credentials: Credentials) -> LeaderElectionConfig:
    return LeaderElectionConfig(
        settings.lease_namespace or os.environ.get("POD_NAMESPACE") or credentials.namespace,
        settings.lease_name,
        settings.lease_duration,
        settings.renew_deadline,
        settings.retry_period,
    )


async def _run_until(stop: asyncio.Event, coroutines: Sequence[Awaitable[None]]) -> None:
    """Run everything until `stop` is set or one of them fails, whose error is raised after the others have ended."""
    started = time.monotonic()
    tasks = [asyncio.ensure_future(one) for one in coroutines]
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

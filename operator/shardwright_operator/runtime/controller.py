"""The reconcile loop: take a key, observe, decide, execute; a key that fails is retried and delays no other."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from shardwright_operator.api.names import READY
from shardwright_operator.decide.observed import Config, Observed
from shardwright_operator.decide.plan import Plan
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.errors import ApiError, Conflict, NotFound
from shardwright_operator.kube.executor import ExecutionResult, Executor
from shardwright_operator.kube.observer import Observation, Observer
from shardwright_operator.runtime.metrics import Metrics
from shardwright_operator.runtime.queue import WorkQueue
from shardwright_operator.runtime.resource_metrics import ResourceMetrics

log = logging.getLogger(__name__)

Decide = Callable[[datetime, Config, Observed], Plan]

# Seconds after an action:
_BATCH_INTERVAL = 1.0  # in which its many events become one reconciliation
_RECHECK = 300.0  # until a reconciliation even if no event comes


@dataclass(frozen=True, slots=True)
class Controller:
    """Reconciles the keys of one queue. `timeout` is in seconds, for one reconciliation."""

    queue: WorkQueue[Key]
    observer: Observer
    decide: Decide
    executor: Executor
    config: Config
    metrics: Metrics
    resource_metrics: ResourceMetrics
    timeout: float = 120.0

    async def run(self, workers: int) -> None:
        """Process keys with this many workers until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key, waited = await self.queue.get()
            self.metrics.observe("queue_wait_seconds", waited)
            started = time.monotonic()
            try:
                result = await self._process(key)
            finally:
                self.queue.done(key)
            self.metrics.observe("reconcile_seconds", time.monotonic() - started, result)

    async def _process(self, key: Key) -> str:
        """Reconcile one key, schedule its retry if that fails, and return the result for the metrics."""
        try:
            async with asyncio.timeout(self.timeout):
                return await self.reconcile(key)
        except Conflict as error:
            # Another client wrote meanwhile. The next observation has its change: this is not a failure.
            self._retry(key, "conflict", error, logging.DEBUG)
            return "conflict"
        except NotFound as error:
            self._retry(key, "gone", error, logging.DEBUG)
            return "gone"
        except ApiError as error:
            self._retry(key, "api", error, logging.WARNING)
            return "error"
        except TimeoutError:
            self._retry(key, "timeout", f"not finished within {self.timeout:.0f} s", logging.ERROR)
            return "timeout"
        except Exception:
            # A bug must not end the worker: the other resources still need it.
            backoff = self.queue.add_rate_limited(key)
            self.metrics.count("retries", "bug")
            log.exception("reconcile failed", extra={"fields": {"resource": str(key), "again_in": round(backoff, 1)}})
            return "bug"

    async def reconcile(self, key: Key) -> str:
        """Observe, decide and execute once, and return the result for the metrics.

        Raises:
            ApiError: a call to the API server failed, or a write was based on a stale observation (`Conflict`).
        """
        observation = await self.observer.observe(key)
        if observation is None or observation.observed.resource.deleting:
            # Its Jobs and claims are left to the garbage collector: their owner references name it.
            self.queue.discard(key)
            self.resource_metrics.remove(key)
            return "gone"
        plan = self.decide(datetime.now(UTC), self.config, observation.observed)
        result = await self.executor.execute(observation.observed, plan)
        self._record(key, observation, plan, result)
        if result.rejected:
            self._retry(key, "rejected", result.rejected, logging.WARNING, plan.requeue_after)
            return "rejected"
        self.queue.forget(key)
        self._schedule(key, observation, plan, result)
        return "changed" if result.actions or result.wrote_status else "unchanged"

    def _schedule(self, key: Key, observation: Observation, plan: Plan, result: ExecutionResult) -> None:
        if result.wrote_status:
            # A Job is recorded in status before it is created: that comes next, before other resources.
            self.queue.add(key, priority=plan.requeue_after == 0)
        pauses = [one for one in (plan.requeue_after, observation.recheck_after) if one is not None]
        if result.actions:
            # A new Job changes several times at once: created, with a pod, running. One status for all will do.
            self.queue.postpone(key, _BATCH_INTERVAL)
            pauses.append(_RECHECK)
        self.queue.add_after(key, min(pauses, default=None))

    def _record(self, key: Key, observation: Observation, plan: Plan, result: ExecutionResult) -> None:
        before, after = observation.observed.resource.status, plan.status
        self.resource_metrics.record(key, before, after)
        self.metrics.count("status_writes", "sent" if result.wrote_status else "skipped")
        for action in result.actions:
            self.metrics.count("actions", action)
        if not (result.actions or result.wrote_status):
            return
        ready = after.condition(READY)
        fields = {
            "resource": str(key),
            "generation": observation.observed.resource.generation,
            "ready": ready and ready.status,
            "reason": ready and ready.reason,
            "actions": ",".join(result.actions),
            "job": after.job and after.job.name,
            "requeue_after": plan.requeue_after,
        }
        log.info(ready.message if ready else "reconciled", extra={"fields": fields})

    def _retry(self, key: Key, reason: str, error: object, level: int, longest: float | None = None) -> None:
        backoff = self.queue.add_rate_limited(key, longest)
        self.metrics.count("retries", reason)
        log.log(level, "%s", error, extra={"fields": {"resource": str(key), "again_in": round(backoff, 1)}})

"""The workers: take a key, look, decide, act; a key that fails comes back later and disturbs no other."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from shardwright_operator.decide.observed import Config, Observed
from shardwright_operator.decide.plan import Plan
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.errors import ApiError, Conflict, NotFound
from shardwright_operator.kube.executor import Done, Executor
from shardwright_operator.kube.observer import Observer, Sight
from shardwright_operator.runtime.metrics import Metrics
from shardwright_operator.runtime.queue import WorkQueue
from shardwright_operator.runtime.resource_metrics import Tally

log = logging.getLogger(__name__)

Decide = Callable[[datetime, Config, Observed], Plan]
_CALM = 1.0
_SAFETY_LOOK = 300.0  # seconds after an action when a resource is looked at even if no event comes


@dataclass(frozen=True, slots=True)
class Workers:
    """Everything that working on a key needs."""

    queue: WorkQueue[Key]
    observer: Observer
    decide: Decide
    executor: Executor
    config: Config
    metrics: Metrics
    tally: Tally
    timeout: float = 120.0

    async def run(self, number: int) -> None:
        """Work with so many workers until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(number):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key, waited = await self.queue.get()
            self.metrics.observe("queue_wait_seconds", waited)
            started = time.monotonic()
            try:
                result = await self._handle(key)
            finally:
                self.queue.done(key)
            self.metrics.observe("reconcile_seconds", time.monotonic() - started, result)

    async def _handle(self, key: Key) -> str:
        """One look at one resource; gives its result for the metrics."""
        try:
            async with asyncio.timeout(self.timeout):
                return await self.reconcile(key)
        except Conflict as error:
            # Somebody wrote meanwhile: that is news, not a failure.
            self._later(key, "conflict", error, logging.DEBUG)
            return "conflict"
        except NotFound as error:
            self._later(key, "gone", error, logging.DEBUG)
            return "gone"
        except ApiError as error:
            self._later(key, "api", error, logging.WARNING)
            return "error"
        except TimeoutError:
            self._later(key, "timeout", f"no end within {self.timeout:.0f} s", logging.ERROR)
            return "timeout"
        except Exception:
            pause = self.queue.retry(key)
            self.metrics.count("retries", "bug")
            log.exception("work failed", extra={"fields": {"resource": str(key), "again_in": round(pause, 1)}})
            return "bug"

    async def reconcile(self, key: Key) -> str:
        """Look, decide, act."""
        sight = await self.observer.observe(key)
        if sight is None or sight.observed.resource.deleting:
            self.queue.forget(key)  # its children go by their owner references
            self.tally.gone(key)
            return "gone"
        plan = self.decide(datetime.now(UTC), self.config, sight.observed)
        done = await self.executor.execute(sight, plan)
        self._note(key, sight, plan, done)
        if done.refused:
            self._later(key, "refused", done.refused, logging.WARNING, plan.requeue_after)
            return "refused"
        self.queue.succeeded(key)
        self._schedule(key, sight, plan, done)
        return "changed" if done.actions or done.wrote_status else "unchanged"

    def _schedule(self, key: Key, sight: Sight, plan: Plan, done: Done) -> None:
        if done.wrote_status:
            self.queue.add(key, ahead=plan.requeue_after == 0)  # what was written ahead may now be done
        pauses = [one for one in (plan.requeue_after, sight.look_again) if one is not None]
        if done.actions:
            # A new Job changes several times at once: seen, with a pod, running. One look, and one status, will do.
            self.queue.hold(key, _CALM)
            pauses.append(_SAFETY_LOOK)
        self.queue.add_after(key, min(pauses, default=None))

    def _note(self, key: Key, sight: Sight, plan: Plan, done: Done) -> None:
        before, after = sight.observed.resource.status, plan.status
        self.tally.seen(key, before, after)
        self.metrics.count("status_writes", "sent" if done.wrote_status else "skipped")
        for action in done.actions:
            self.metrics.count("actions", action)
        if not (done.actions or done.wrote_status):
            return
        ready = after.condition("Ready")
        fields = {
            "resource": str(key),
            "generation": sight.observed.resource.generation,
            "ready": ready and ready.status,
            "reason": ready and ready.reason,
            "actions": ",".join(done.actions),
            "job": after.job and after.job.name,
            "requeue_after": plan.requeue_after,
        }
        log.info(ready.message if ready else "decided", extra={"fields": fields})

    def _later(self, key: Key, reason: str, error: object, level: int, longest: float | None = None) -> None:
        pause = self.queue.retry(key, longest)
        self.metrics.count("retries", reason)
        log.log(level, "%s", error, extra={"fields": {"resource": str(key), "again_in": round(pause, 1)}})

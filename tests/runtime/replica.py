"""The part of an operator between a decision and the API server, with a cache that only the test fills."""

from __future__ import annotations

from datetime import UTC, datetime

from shardwright_operator.decide import decide
from shardwright_operator.decide.observed import Config, Observed
from shardwright_operator.decide.plan import Plan
from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.convert.checkpoint import convert_checkpoint
from shardwright_operator.kube.event_recorder import EventRecorder
from shardwright_operator.kube.executor import Executor
from shardwright_operator.kube.kinds import CHECKPOINTS
from shardwright_operator.kube.notes import NotesStore
from shardwright_operator.kube.observer import Observer
from tools.testing.namespace import Namespace

CONFIG = Config("engine:test", "prepare:test", retry_base=10.0, retry_cap=600.0, progress_interval=5.0)


class Replica:
    """An observer and an executor over one cache, in one namespace."""

    def __init__(self, client: Client, namespace: Namespace) -> None:
        self.namespace = namespace
        self.cache, self.notes = Cache(), NotesStore()
        self.observer = Observer(client, self.cache, self.notes, CONFIG)
        self.executor = Executor(client, self.cache, self.notes, CONFIG, EventRecorder(client))

    def sync(self, name: str = "model") -> None:
        """Cache the resource as it is now, as its watch would."""
        self.cache.put(CHECKPOINTS, convert_checkpoint(self.namespace.read(name)))

    async def observe(self, name: str = "model") -> Observed:
        """Return the observed state of a resource that must exist."""
        observation = await self.observer.observe(Key(self.namespace.name, name))
        assert observation is not None
        return observation.observed

    async def reconcile(self, name: str = "model") -> Plan:
        """Observe, decide and execute once."""
        observed = await self.observe(name)
        plan = decide(datetime.now(UTC), CONFIG, observed)
        await self.executor.execute(observed, plan)
        return plan

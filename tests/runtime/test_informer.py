"""The informer: lists fill and prune the cache, and the resources that a delta affects are queued."""

from __future__ import annotations

import asyncio
import threading

import pytest

from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import AnyEntry, Key
from shardwright_operator.kube.convert.checkpoint import convert_checkpoint
from shardwright_operator.kube.convert.claim import convert_claim
from shardwright_operator.kube.convert.job import convert_job
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, PODS, Kind
from shardwright_operator.runtime.deltas import ListDelta, ObjectDelta
from shardwright_operator.runtime.informer import Informer
from shardwright_operator.runtime.metrics import Metrics
from tests.runtime import raw
from tests.runtime.clock import Clock

MODEL = Key("default", "model")


class Fixture:
    """An informer with its cache, its clock, and the keys that it queued."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.cache, self.metrics = Cache(self.clock), Metrics()
        self.queued: list[tuple[Key, bool]] = []
        self.informer = Informer(self.cache, lambda key, new: self.queued.append((key, new)), self.metrics)
        self.informer.start_run(())

    def list_of(self, kind: Kind, *entries: AnyEntry) -> ListDelta:
        self.clock.advance(1)
        return ListDelta(kind, None, self.clock(), list(entries))

    async def deliver(self, *deltas: ObjectDelta | ListDelta) -> None:
        """Deliver from another thread, as the reflector does, and let the loop apply the deltas."""

        def deliver() -> None:
            for delta in deltas:
                self.informer.on_delta(delta)

        thread = threading.Thread(target=deliver)
        thread.start()
        await asyncio.to_thread(thread.join)
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def fixture() -> Fixture:
    return Fixture()


async def test_the_cache_has_synced_when_every_kind_has_been_listed(fixture: Fixture) -> None:
    for kind in (PODS, JOBS, CLAIMS):
        await fixture.deliver(fixture.list_of(kind))
        assert not fixture.informer.has_synced
    await fixture.deliver(fixture.list_of(CHECKPOINTS, convert_checkpoint(raw.resource())))
    assert fixture.informer.has_synced
    assert fixture.queued == [(MODEL, False)]


async def test_claims_that_are_listed_before_their_resources_are_not_lost(fixture: Fixture) -> None:
    await fixture.deliver(fixture.list_of(CLAIMS, convert_claim(raw.claim()), convert_claim(raw.claim("unnamed"))))
    await fixture.deliver(fixture.list_of(CHECKPOINTS, convert_checkpoint(raw.resource())))
    assert fixture.cache.claims.get(Key("default", "shards")) is not None
    assert fixture.cache.claims.get(Key("default", "unnamed")) is None


async def test_a_new_resource_is_queued_with_priority(fixture: Fixture) -> None:
    entry = convert_checkpoint(raw.resource())
    await fixture.deliver(
        ObjectDelta(CHECKPOINTS, MODEL, raw.UID, entry), ObjectDelta(CHECKPOINTS, MODEL, raw.UID, entry)
    )
    newer = convert_checkpoint(raw.resource(version=11))
    await fixture.deliver(ObjectDelta(CHECKPOINTS, MODEL, raw.UID, newer))
    assert fixture.queued == [(MODEL, True), (MODEL, False)]


async def test_the_lists_of_a_later_run_remove_what_was_deleted_meanwhile(fixture: Fixture) -> None:
    job = convert_job(raw.job())
    await fixture.deliver(fixture.list_of(CHECKPOINTS, convert_checkpoint(raw.resource())), fixture.list_of(JOBS, job))
    await fixture.deliver(fixture.list_of(PODS), fixture.list_of(CLAIMS))
    fixture.queued.clear()
    fixture.informer.start_run(())
    await fixture.deliver(fixture.list_of(JOBS))
    assert fixture.cache.jobs.get(job.key) is None
    assert fixture.queued == [(MODEL, False)]
    corrections = fixture.metrics.registry.get_sample_value("shardwright_list_corrections_total", {"resource": "jobs"})
    assert corrections == 1


async def test_more_deltas_than_one_batch_are_all_applied(fixture: Fixture) -> None:
    jobs = [convert_job(raw.job(f"job-{number}")) for number in range(1000)]
    await fixture.deliver(*(ObjectDelta(JOBS, job.key, job.uid, job) for job in jobs))
    assert len(fixture.cache.jobs) == 1000

"""News on their way into the cache: lists fill and prune it, and the queue hears whom they concern."""

from __future__ import annotations

import asyncio
import threading

import pytest

from shardwright_operator.kube import convert
from shardwright_operator.kube.cached_objects import AnyEntry, Key
from shardwright_operator.kube.indexer import Cache
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, PODS, Kind
from shardwright_operator.runtime.deltas import Listed, Seen
from shardwright_operator.runtime.informer import Intake
from shardwright_operator.runtime.metrics import Metrics
from tests.runtime import raw
from tests.runtime.clock import Clock

MODEL = Key("default", "model")


class Desk:
    """An intake with its cache, its clock, and what it told the queue."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.cache, self.metrics = Cache(self.clock), Metrics()
        self.told: list[tuple[Key, bool]] = []
        self.intake = Intake(self.cache, lambda key, fresh: self.told.append((key, fresh)), self.metrics)
        self.intake.begin(())

    def listed(self, kind: Kind, *entries: AnyEntry) -> Listed:
        self.clock.advance(1)
        return Listed(kind, None, self.clock(), list(entries))

    async def take(self, *news: Seen | Listed) -> None:
        """Deliver from another thread, as watches do, and let the loop take it in."""

        def deliver() -> None:
            for one in news:
                self.intake.deliver(one)

        thread = threading.Thread(target=deliver)
        thread.start()
        await asyncio.to_thread(thread.join)
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def desk() -> Desk:
    return Desk()


async def test_the_cache_is_filled_when_every_kind_has_been_listed(desk: Desk) -> None:
    for kind in (PODS, JOBS, CLAIMS):
        await desk.take(desk.listed(kind))
        assert not desk.intake.filled
    await desk.take(desk.listed(CHECKPOINTS, convert.resource(raw.resource())))
    assert desk.intake.filled
    assert desk.told == [(MODEL, False)]


async def test_claims_that_are_listed_before_their_resources_are_not_lost(desk: Desk) -> None:
    await desk.take(desk.listed(CLAIMS, convert.claim(raw.claim()), convert.claim(raw.claim("of-somebody"))))
    await desk.take(desk.listed(CHECKPOINTS, convert.resource(raw.resource())))
    assert desk.cache.claims.get(Key("default", "shards")) is not None
    assert desk.cache.claims.get(Key("default", "of-somebody")) is None


async def test_a_new_resource_goes_ahead_of_others(desk: Desk) -> None:
    entry = convert.resource(raw.resource())
    await desk.take(Seen(CHECKPOINTS, MODEL, raw.UID, entry), Seen(CHECKPOINTS, MODEL, raw.UID, entry))
    newer = convert.resource(raw.resource(version=11))
    await desk.take(Seen(CHECKPOINTS, MODEL, raw.UID, newer))
    assert desk.told == [(MODEL, True), (MODEL, False)]


async def test_the_lists_of_a_later_run_take_ghosts_away(desk: Desk) -> None:
    job = convert.job(raw.job())
    await desk.take(desk.listed(CHECKPOINTS, convert.resource(raw.resource())), desk.listed(JOBS, job))
    await desk.take(desk.listed(PODS), desk.listed(CLAIMS))
    desk.told.clear()
    desk.intake.begin(())
    await desk.take(desk.listed(JOBS))
    assert desk.cache.jobs.get(job.key) is None
    assert desk.told == [(MODEL, False)]
    corrections = desk.metrics.registry.get_sample_value("shardwright_list_corrections_total", {"resource": "jobs"})
    assert corrections == 1


async def test_more_news_than_one_batch_are_all_taken_in(desk: Desk) -> None:
    jobs = [convert.job(raw.job(f"job-{number}")) for number in range(1000)]
    await desk.take(*(Seen(JOBS, job.key, job.uid, job) for job in jobs))
    assert len(desk.cache.jobs) == 1000

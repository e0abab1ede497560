"""Candidates for one Lease on a real API server, by a clock that the test advances."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.credentials import Credentials
from shardwright_operator.kube.kinds import LEASES
from shardwright_operator.runtime.election import LeaderElectionConfig, LeaderElector
from tests.runtime.clock import Clock


@pytest.fixture
async def unreachable() -> AsyncIterator[Client]:
    client = Client(Credentials("http://127.0.0.1:1", lambda: None), timeout=1.0)
    yield client
    await client.close()


@pytest.fixture
def config() -> LeaderElectionConfig:
    return LeaderElectionConfig("default", f"lease-{uuid4().hex[:8]}")


async def test_one_of_two_candidates_leads(client: Client, config: LeaderElectionConfig) -> None:
    clock = Clock()
    first, second = LeaderElector(client, config, "first", clock), LeaderElector(client, config, "second", clock)
    assert await first.try_acquire_or_renew()
    assert not await second.try_acquire_or_renew()
    lease = await client.get(LEASES, config.namespace, config.name)
    assert lease["spec"]["holderIdentity"] == "first"
    assert lease["spec"]["leaseTransitions"] == 0


async def test_a_silent_leader_is_replaced_after_the_lease_duration(
    client: Client, config: LeaderElectionConfig
) -> None:
    clock = Clock()
    first, second = LeaderElector(client, config, "first", clock), LeaderElector(client, config, "second", clock)
    await first.try_acquire_or_renew()
    await second.try_acquire_or_renew()
    clock.advance(config.lease_duration - 0.1)
    assert not await second.try_acquire_or_renew()
    clock.advance(0.2)
    assert await second.try_acquire_or_renew()
    assert not await first.try_acquire_or_renew()
    assert not first.is_leader
    lease = await client.get(LEASES, config.namespace, config.name)
    assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"]) == ("second", 1)


async def test_a_leader_that_renews_stays_leader(client: Client, config: LeaderElectionConfig) -> None:
    clock = Clock()
    first, second = LeaderElector(client, config, "first", clock), LeaderElector(client, config, "second", clock)
    await first.try_acquire_or_renew()
    for _ in range(5):
        assert not await second.try_acquire_or_renew()
        clock.advance(config.lease_duration - 1)
        assert await first.try_acquire_or_renew()
        assert not await second.try_acquire_or_renew()


async def test_a_released_lease_is_acquired_at_once(client: Client, config: LeaderElectionConfig) -> None:
    clock = Clock()
    first, second = LeaderElector(client, config, "first", clock), LeaderElector(client, config, "second", clock)
    await first.try_acquire_or_renew()
    await first.release()
    assert not first.is_leader
    assert await second.try_acquire_or_renew()


async def test_of_candidates_at_the_same_moment_one_leads(client: Client, config: LeaderElectionConfig) -> None:
    electors = [LeaderElector(client, config, f"candidate-{number}") for number in range(5)]
    results = await asyncio.gather(*(one.try_acquire_or_renew() for one in electors))
    assert results.count(True) == 1


async def test_losing_the_lease_cancels_the_work_and_acquiring_it_starts_it_again(
    client: Client, config: LeaderElectionConfig
) -> None:
    clock = Clock()
    elector = LeaderElector(client, config, "first", clock, clock.sleep)
    events: asyncio.Queue[str] = asyncio.Queue()

    async def lead() -> None:
        events.put_nowait("started")
        try:
            await asyncio.Event().wait()
        finally:
            events.put_nowait("stopped")

    running = asyncio.ensure_future(elector.run(lead))
    async with asyncio.timeout(30):
        assert await events.get() == "started"
    await client.patch(LEASES, config.namespace, config.name, {"spec": {"holderIdentity": "other"}})
    async with asyncio.timeout(60):
        assert await events.get() == "stopped"
        assert await events.get() == "started", "the other holder never renews"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    lease = await client.get(LEASES, config.namespace, config.name)
    assert lease["spec"]["holderIdentity"] == "", "released at the end"


async def test_a_leader_that_cannot_renew_stops_within_the_deadline(
    client: Client, unreachable: Client, config: LeaderElectionConfig
) -> None:
    clock = Clock()
    elector = LeaderElector(client, config, "first", clock, clock.sleep)
    stopped = asyncio.Event()

    async def lead() -> None:
        elector._lock._client = unreachable
        started = clock.now
        try:
            await asyncio.Event().wait()
        finally:
            assert clock.now - started <= config.renew_deadline + 2 * config.retry_period
            stopped.set()

    running = asyncio.ensure_future(elector.run(lead))
    async with asyncio.timeout(30):
        await stopped.wait()
    assert not elector.is_leader
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

"""Two candidates for one Lease on a real API server; time passes as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.kinds import LEASES
from shardwright_operator.kube.kubeconfig import Login
from shardwright_operator.runtime.election import Elector, Terms
from tests.runtime.clock import Clock


@pytest.fixture
async def unreachable() -> AsyncIterator[Client]:
    client = Client(Login("http://127.0.0.1:1", lambda: None), timeout=1.0)
    yield client
    await client.close()


@pytest.fixture
def terms() -> Terms:
    return Terms("default", f"lease-{uuid4().hex[:8]}")


async def test_one_of_two_candidates_leads(client: Client, terms: Terms) -> None:
    clock = Clock()
    first, second = Elector(client, terms, "first", clock), Elector(client, terms, "second", clock)
    assert await first.try_once()
    assert not await second.try_once()
    lease = await client.get(LEASES, terms.namespace, terms.name)
    assert lease["spec"]["holderIdentity"] == "first"
    assert lease["spec"]["leaseTransitions"] == 0


async def test_a_silent_leader_is_replaced_after_the_lease_duration(client: Client, terms: Terms) -> None:
    clock = Clock()
    first, second = Elector(client, terms, "first", clock), Elector(client, terms, "second", clock)
    await first.try_once()
    await second.try_once()
    clock.advance(terms.duration - 0.1)
    assert not await second.try_once()
    clock.advance(0.2)
    assert await second.try_once()
    assert not await first.try_once()
    assert not first.leading
    lease = await client.get(LEASES, terms.namespace, terms.name)
    assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"]) == ("second", 1)


async def test_a_renewing_leader_stays_whatever_its_clock_says(client: Client, terms: Terms) -> None:
    clock = Clock()
    first, second = Elector(client, terms, "first", clock), Elector(client, terms, "second", clock)
    await first.try_once()
    for _ in range(5):
        assert not await second.try_once()
        clock.advance(terms.duration - 1)
        assert await first.try_once()
        assert not await second.try_once()


async def test_a_released_lease_is_taken_at_once(client: Client, terms: Terms) -> None:
    clock = Clock()
    first, second = Elector(client, terms, "first", clock), Elector(client, terms, "second", clock)
    await first.try_once()
    await first.release()
    assert not first.leading
    assert await second.try_once()


async def test_two_candidates_at_the_same_moment_give_one_leader(client: Client, terms: Terms) -> None:
    electors = [Elector(client, terms, f"candidate-{number}") for number in range(5)]
    results = await asyncio.gather(*(one.try_once() for one in electors))
    assert results.count(True) == 1


async def test_a_lost_lease_stops_the_work_and_a_won_one_starts_it_again(client: Client, terms: Terms) -> None:
    clock = Clock()
    elector = Elector(client, terms, "first", clock, clock.sleep)
    told: asyncio.Queue[str] = asyncio.Queue()

    async def lead() -> None:
        told.put_nowait("started")
        try:
            await asyncio.Event().wait()
        finally:
            told.put_nowait("stopped")

    running = asyncio.ensure_future(elector.run(lead))
    assert await asyncio.wait_for(told.get(), 30) == "started"
    await client.patch(LEASES, terms.namespace, terms.name, {"spec": {"holderIdentity": "thief"}})
    assert await asyncio.wait_for(told.get(), 30) == "stopped"
    assert await asyncio.wait_for(told.get(), 30) == "started", "the thief never renews"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    lease = await client.get(LEASES, terms.namespace, terms.name)
    assert lease["spec"]["holderIdentity"] == "", "released when it ends"


async def test_a_leader_that_cannot_renew_stops_within_the_deadline(
    client: Client, unreachable: Client, terms: Terms
) -> None:
    clock = Clock()
    elector = Elector(client, terms, "first", clock, clock.sleep)
    stopped = asyncio.Event()

    async def lead() -> None:
        elector._client = unreachable
        started = clock.now
        try:
            await asyncio.Event().wait()
        finally:
            assert clock.now - started <= terms.renew_deadline + 2 * terms.retry_period
            stopped.set()

    running = asyncio.ensure_future(elector.run(lead))
    await asyncio.wait_for(stopped.wait(), 30)
    assert not elector.leading
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

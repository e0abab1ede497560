"""The work queue, by a clock that the test advances."""

from __future__ import annotations

import asyncio

import pytest

from shardwright_operator.runtime.queue import WorkQueue
from tests.runtime.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue[str]:
    return WorkQueue(base_delay=1.0, max_delay=60.0, clock=clock)


async def take(queue: WorkQueue[str]) -> str:
    key, _ = await queue.get()
    return key


async def test_a_key_added_twice_is_processed_once(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.add("a")
    assert await take(queue) == "a"
    queue.done("a")
    assert queue.depth == 0


async def test_a_key_added_while_it_is_processed_is_queued_again_when_it_is_done(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await take(queue)
    queue.add("a")
    assert (queue.depth, queue.processing) == (0, 1)
    queue.done("a")
    assert await take(queue) == "a"


async def test_a_waiting_worker_is_woken(queue: WorkQueue[str]) -> None:
    waiting = asyncio.ensure_future(take(queue))
    await asyncio.sleep(0)
    queue.add("a")
    assert await waiting == "a"


async def test_keys_with_priority_go_first_and_do_not_starve_the_others(queue: WorkQueue[str]) -> None:
    for number in range(3):
        queue.add(f"old-{number}")
    for number in range(20):
        queue.add(f"new-{number}", priority=True)
    order = [await take(queue) for _ in range(23)]
    assert order[:9] == [*(f"new-{number}" for number in range(8)), "old-0"]
    assert order[17] == "old-1"


async def test_a_key_added_with_priority_while_processed_goes_before_those_that_wait(queue: WorkQueue[str]) -> None:
    queue.add("first")
    assert await take(queue) == "first"
    queue.add("waiting")
    queue.add("first", priority=True)
    queue.add("first")  # its own write comes back as an event
    queue.done("first")
    assert await take(queue) == "first"
    assert await take(queue) == "waiting"


async def test_a_delayed_key_is_queued_when_it_is_due(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add_after("a", 5.0)
    assert queue.add_due() == pytest.approx(5.0)
    assert queue.depth == 0
    clock.advance(5.0)
    assert queue.add_due() is None
    assert await take(queue) == "a"


async def test_the_last_delay_counts_and_can_be_cancelled(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add_after("a", 5.0)
    queue.add_after("a", 50.0)
    queue.add_after("b", 5.0)
    queue.add_after("b", None)
    clock.advance(10.0)
    queue.add_due()
    assert (queue.depth, queue.delayed) == (0, 1)
    clock.advance(40.0)
    queue.add_due()
    assert await take(queue) == "a"


async def test_processing_a_key_cancels_its_timer(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add_after("a", 5.0)
    queue.add("a")
    await take(queue)
    queue.done("a")
    clock.advance(10.0)
    queue.add_due()
    assert queue.depth == 0


def test_the_backoff_of_a_failing_key_doubles_up_to_its_cap_and_is_reset(
    queue: WorkQueue[str],
) -> None:
    backoffs = [queue.add_rate_limited("a") for _ in range(10)]
    for number, backoff in enumerate(backoffs):
        longest = min(60.0, 2.0**number)
        assert 0.75 * longest <= backoff <= longest
    queue.forget("a")
    assert queue.add_rate_limited("a") <= 1.0


async def test_a_failing_key_does_not_delay_another(queue: WorkQueue[str]) -> None:
    queue.add_rate_limited("bad")
    queue.add("good")
    assert await take(queue) == "good"


async def test_a_held_key_is_queued_once_when_the_hold_ends(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add("a")
    await take(queue)
    queue.postpone("a", 1.0)
    queue.add("a")
    queue.add_after("a", 300.0)
    queue.done("a")
    queue.add("a")
    assert queue.depth == 0
    clock.advance(1.0)
    queue.add_due()
    assert await take(queue) == "a"
    queue.done("a")
    queue.add("a")
    assert queue.depth == 1


async def test_a_discarded_key_has_no_timer(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add_after("a", 1.0)
    queue.discard("a")
    clock.advance(2.0)
    queue.add_due()
    assert queue.depth == 0


async def test_waiting_and_processing_times_are_measured(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add("a")
    queue.add("b")
    clock.advance(3.0)
    assert queue.oldest_wait() == pytest.approx(3.0)
    _, waited = await queue.get()
    assert waited == pytest.approx(3.0)
    clock.advance(4.0)
    assert queue.longest_processing() == pytest.approx(4.0)


async def test_timers_fire(queue: WorkQueue[str]) -> None:
    real: WorkQueue[str] = WorkQueue()
    timers = asyncio.ensure_future(real.run_timers())
    real.add_after("late", 0.02)
    real.add_after("early", 0.01)
    assert [await take(real), await take(real)] == ["early", "late"]
    timers.cancel()


async def test_timers_end_when_they_are_cancelled_while_one_is_set(queue: WorkQueue[str]) -> None:
    queue.add_after("a", 60.0)
    running = asyncio.ensure_future(queue.run_timers())
    await asyncio.sleep(0.01)
    queue.add_after("b", 30.0)
    running.cancel()
    await asyncio.wait([running], timeout=5)
    assert running.cancelled()

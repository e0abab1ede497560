"""The work queue keeps its promises, by a clock that the test moves."""

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
    return WorkQueue(base=1.0, cap=60.0, clock=clock)


async def take(queue: WorkQueue[str]) -> str:
    key, _ = await queue.get()
    return key


async def test_a_key_added_twice_is_worked_on_once(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.add("a")
    assert await take(queue) == "a"
    queue.done("a")
    assert queue.depth == 0


async def test_a_key_is_never_with_two_workers_and_comes_again_if_it_changed_meanwhile(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await take(queue)
    queue.add("a")
    assert (queue.depth, queue.working) == (0, 1)
    queue.done("a")
    assert await take(queue) == "a"


async def test_a_waiting_worker_is_woken(queue: WorkQueue[str]) -> None:
    waiting = asyncio.ensure_future(take(queue))
    await asyncio.sleep(0)
    queue.add("a")
    assert await waiting == "a"


async def test_new_resources_go_ahead_but_do_not_starve_the_others(queue: WorkQueue[str]) -> None:
    for number in range(3):
        queue.add(f"old-{number}")
    for number in range(20):
        queue.add(f"new-{number}", ahead=True)
    order = [await take(queue) for _ in range(23)]
    assert order[:9] == [*(f"new-{number}" for number in range(8)), "old-0"]
    assert order[17] == "old-1"


async def test_a_key_that_is_half_way_goes_on_before_those_that_wait(queue: WorkQueue[str]) -> None:
    queue.add("half-way")
    assert await take(queue) == "half-way"
    queue.add("waiting")
    queue.add("half-way", ahead=True)
    queue.add("half-way")  # its own write comes back as an event
    queue.done("half-way")
    assert await take(queue) == "half-way"
    assert await take(queue) == "waiting"


async def test_a_delayed_key_comes_when_it_is_due(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add_after("a", 5.0)
    assert queue.release_due() == pytest.approx(5.0)
    assert queue.depth == 0
    clock.advance(5.0)
    assert queue.release_due() is None
    assert await take(queue) == "a"


async def test_the_last_delay_counts_and_may_be_taken_back(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add_after("a", 5.0)
    queue.add_after("a", 50.0)
    queue.add_after("b", 5.0)
    queue.add_after("b", None)
    clock.advance(10.0)
    queue.release_due()
    assert (queue.depth, queue.delayed) == (0, 1)
    clock.advance(40.0)
    queue.release_due()
    assert await take(queue) == "a"


async def test_work_on_a_key_makes_its_timer_needless(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add_after("a", 5.0)
    queue.add("a")
    await take(queue)
    queue.done("a")
    clock.advance(10.0)
    queue.release_due()
    assert queue.depth == 0


def test_the_pause_of_a_failing_key_doubles_up_to_its_cap_and_starts_anew(
    queue: WorkQueue[str],
) -> None:
    pauses = [queue.retry("a") for _ in range(10)]
    for number, pause in enumerate(pauses):
        longest = min(60.0, 2.0**number)
        assert 0.75 * longest <= pause <= longest
    queue.succeeded("a")
    assert queue.retry("a") <= 1.0


async def test_a_failing_key_does_not_delay_another(queue: WorkQueue[str]) -> None:
    queue.retry("bad")
    queue.add("good")
    assert await take(queue) == "good"


async def test_a_held_key_comes_once_when_the_hold_is_over(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add("a")
    await take(queue)
    queue.hold("a", 1.0)
    queue.add("a")
    queue.add_after("a", 300.0)
    queue.done("a")
    queue.add("a")
    assert queue.depth == 0
    clock.advance(1.0)
    queue.release_due()
    assert await take(queue) == "a"
    queue.done("a")
    queue.add("a")
    assert queue.depth == 1


async def test_a_forgotten_key_has_no_timer(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add_after("a", 1.0)
    queue.forget("a")
    clock.advance(2.0)
    queue.release_due()
    assert queue.depth == 0


async def test_waiting_and_working_times_are_told(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add("a")
    queue.add("b")
    clock.advance(3.0)
    assert queue.oldest_wait() == pytest.approx(3.0)
    _, waited = await queue.get()
    assert waited == pytest.approx(3.0)
    clock.advance(4.0)
    assert queue.longest_work() == pytest.approx(4.0)


async def test_timers_run_by_themselves(queue: WorkQueue[str]) -> None:
    real: WorkQueue[str] = WorkQueue()
    timers = asyncio.ensure_future(real.run_timers())
    real.add_after("late", 0.02)
    real.add_after("early", 0.01)
    assert [await take(real), await take(real)] == ["early", "late"]
    timers.cancel()

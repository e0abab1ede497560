"""Timers: one for each key, by times that the test passes."""

from __future__ import annotations

from shardwright_operator.runtime.timers import Timers


def test_keys_are_due_in_the_order_of_their_times() -> None:
    timers = Timers[str]()
    for key, when in (("b", 2.0), ("a", 1.0), ("c", 3.0)):
        timers.set(key, when)
    assert timers.pop_due(2.0) == ["a", "b"]
    assert timers.seconds_until_next(2.0) == 1.0
    assert len(timers) == 1


def test_a_timer_replaces_the_earlier_one_of_its_key() -> None:
    timers = Timers[str]()
    timers.set("a", 1.0)
    timers.set("a", 5.0)
    assert timers.pop_due(4.0) == []
    assert timers.get("a", 0.0) == 5.0
    timers.set("a", 2.0)
    assert timers.pop_due(4.0) == ["a"]
    assert timers.pop_due(9.0) == []
    assert timers.seconds_until_next(9.0) is None


def test_a_cancelled_timer_is_not_due() -> None:
    timers = Timers[str]()
    timers.set("a", 1.0)
    timers.cancel("a")
    timers.cancel("b")
    assert timers.pop_due(2.0) == []
    assert len(timers) == 0

"""The cached objects of one kind: what is stale never wins, and what is gone does not come back."""

from __future__ import annotations

import pytest

from shardwright_operator.kube.cached_objects import Entry, Key
from shardwright_operator.kube.store import Store
from tests.runtime.clock import Clock

KEY = Key("default", "one")


def entry(version: int, uid: str = "uid-1", key: Key = KEY, owner: str = "owner") -> Entry[int]:
    return Entry(key, uid, version, owner, version)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Store[int]:
    return Store(clock)


def value(store: Store[int]) -> int | None:
    found = store.get(KEY)
    return found.value if found else None


def everywhere(_key: Key) -> bool:
    return True


def test_only_a_newer_version_is_news(store: Store[int]) -> None:
    assert store.put(entry(5))
    assert not store.put(entry(5))
    assert not store.put(entry(4)), "a late event never takes back what we wrote"
    assert value(store) == 5
    assert store.put(entry(6))


def test_an_object_of_the_same_name_replaces_the_earlier_one_and_not_the_other_way_round(store: Store[int]) -> None:
    store.put(entry(5))
    assert store.put(entry(9, "uid-2", owner="other"))
    assert not store.put(entry(6))
    assert not store.of("default", "owner")
    assert set(store.of("default", "other")) == {KEY}


def test_the_end_of_an_earlier_object_does_not_touch_the_present_one(store: Store[int]) -> None:
    store.put(entry(5))
    store.put(entry(9, "uid-2"))
    assert store.remove(KEY, "uid-1") is None
    assert value(store) == 9


def test_a_deleted_object_does_not_come_back_by_a_late_event(store: Store[int]) -> None:
    store.put(entry(5))
    assert store.remove(KEY, "uid-1") is not None
    assert not store.put(entry(6))
    assert value(store) is None
    assert store.put(entry(7, "uid-2"))


def test_a_list_takes_away_ghosts(store: Store[int], clock: Clock) -> None:
    store.put(entry(5))
    clock.advance(1)
    started = clock()
    assert [one.key for one in store.reconcile([], started, everywhere)] == [KEY]
    assert value(store) is None
    assert not store.of("default", "owner")


def test_a_list_does_not_take_away_what_came_while_it_was_read(store: Store[int], clock: Clock) -> None:
    started = clock()
    clock.advance(1)
    store.put(entry(5))
    assert not store.reconcile([], started, everywhere)
    assert not store.reconcile([entry(4)], started, everywhere)
    assert value(store) == 5


def test_a_list_does_not_bring_back_what_was_deleted_while_it_was_read(store: Store[int], clock: Clock) -> None:
    store.put(entry(5))
    clock.advance(1)
    started = clock()
    clock.advance(1)
    store.remove(KEY, "uid-1")
    assert not store.reconcile([entry(5)], started, everywhere)
    assert value(store) is None


def test_a_list_wins_even_with_a_lower_version(store: Store[int], clock: Clock) -> None:
    store.put(entry(500))
    clock.advance(1)
    assert store.reconcile([entry(3)], clock(), everywhere), "versions start low again after a restored backup"
    assert value(store) == 3


def test_a_list_of_one_namespace_says_nothing_about_another(store: Store[int], clock: Clock) -> None:
    elsewhere = Key("elsewhere", "two")
    store.put(entry(5))
    store.put(entry(6, "uid-2", elsewhere))
    clock.advance(1)
    gone = store.reconcile([], clock(), lambda key: key.namespace == "default")
    assert [one.key for one in gone] == [KEY]
    assert store.get(elsewhere) is not None


def test_what_is_remembered_of_deleted_objects_is_bounded(store: Store[int], clock: Clock) -> None:
    for number in range(5000):
        store.remove(Key("default", str(number)), f"uid-{number}")
        clock.advance(1)
    assert len(store._gone) < 1000

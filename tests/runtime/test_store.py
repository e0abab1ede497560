"""The store: a stale version never replaces a newer one, and a deleted object does not come back."""

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


def test_only_a_newer_version_replaces_a_stored_one(store: Store[int]) -> None:
    assert store.put(entry(5))
    assert not store.put(entry(5))
    assert not store.put(entry(4)), "a late event never undoes a write"
    assert value(store) == 5
    assert store.put(entry(6))


def test_a_new_object_of_the_same_name_replaces_the_earlier_one(store: Store[int]) -> None:
    store.put(entry(5))
    assert store.put(entry(9, "uid-2", owner="other"))
    assert not store.put(entry(6))
    assert not store.by_owner("default", "owner")
    assert set(store.by_owner("default", "other")) == {KEY}


def test_removing_an_earlier_object_leaves_the_present_one_of_its_name(store: Store[int]) -> None:
    store.put(entry(5))
    store.put(entry(9, "uid-2"))
    assert store.remove(KEY, "uid-1") is None
    assert value(store) == 9


def test_a_late_event_does_not_restore_a_deleted_object(store: Store[int]) -> None:
    store.put(entry(5))
    assert store.remove(KEY, "uid-1") is not None
    assert not store.put(entry(6))
    assert value(store) is None
    assert store.put(entry(7, "uid-2"))


def test_a_list_removes_what_it_does_not_have(store: Store[int], clock: Clock) -> None:
    store.put(entry(5))
    clock.advance(1)
    started = clock()
    assert [one.key for one in store.replace([], started, everywhere)] == [KEY]
    assert value(store) is None
    assert not store.by_owner("default", "owner")


def test_a_list_keeps_what_was_written_since_it_began(store: Store[int], clock: Clock) -> None:
    started = clock()
    clock.advance(1)
    store.put(entry(5))
    assert not store.replace([], started, everywhere)
    assert not store.replace([entry(4)], started, everywhere)
    assert value(store) == 5


def test_a_list_does_not_restore_what_was_deleted_since_it_began(store: Store[int], clock: Clock) -> None:
    store.put(entry(5))
    clock.advance(1)
    started = clock()
    clock.advance(1)
    store.remove(KEY, "uid-1")
    assert not store.replace([entry(5)], started, everywhere)
    assert value(store) is None


def test_a_list_replaces_even_with_a_lower_version(store: Store[int], clock: Clock) -> None:
    store.put(entry(500))
    clock.advance(1)
    assert store.replace([entry(3)], clock(), everywhere), "versions are lower after etcd was restored from a backup"
    assert value(store) == 3


def test_a_list_of_one_namespace_keeps_the_others(store: Store[int], clock: Clock) -> None:
    elsewhere = Key("elsewhere", "two")
    store.put(entry(5))
    store.put(entry(6, "uid-2", elsewhere))
    clock.advance(1)
    gone = store.replace([], clock(), lambda key: key.namespace == "default")
    assert [one.key for one in gone] == [KEY]
    assert store.get(elsewhere) is not None


def test_the_number_of_tombstones_is_bounded(store: Store[int], clock: Clock) -> None:
    for number in range(5000):
        store.remove(Key("default", str(number)), f"uid-{number}")
        clock.advance(1)
    assert len(store._tombstones) < 1000

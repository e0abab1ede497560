"""Two resources, one place: the younger waits, and no claim goes while somebody else uses it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright_operator.decide.observed import Neighbor
from shardwright_operator.decide.plan import CreateClaim
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.folder_index import FolderIndex
from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import START, claim

CREATE = {"persistentVolumeClaim": {"claimName": "made", "create": {"size": "1Gi", "whenDeleted": "Delete"}}}


def _neighbor(age: float, folder: str = "models/llama", uid: str = "uid-0") -> Neighbor:
    return Neighbor("other", uid, START - timedelta(seconds=age), folder)


def test_the_younger_of_two_with_one_folder_runs_nothing_and_both_are_named() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    assert namespace.live_jobs()
    namespace.neighbors = (_neighbor(60),)
    plan = namespace.settle()
    assert namespace.ready() == ("False", Reason.NAME_CONFLICT)
    assert all(name in namespace.message() for name in ("llama", "other", "models/llama", "output.path"))
    assert not namespace.live_jobs()
    assert plan.requeue_after is not None  # nothing tells it that the other one is gone
    namespace.neighbors = ()
    namespace.run_to_ready()


@pytest.mark.parametrize(("age", "uid"), [(-60, "uid-0"), (0, "uid-9")])
def test_the_older_one_goes_on(age: float, uid: str) -> None:
    namespace = FakeNamespace()
    namespace.neighbors = (_neighbor(age, uid=uid),)
    namespace.run_to_ready()


def test_of_two_made_in_one_second_exactly_one_goes_on() -> None:
    first, second = FakeNamespace(), FakeNamespace()
    first.uid, second.uid = "uid-a", "uid-b"
    first.neighbors, second.neighbors = (_neighbor(0, uid="uid-b"),), (_neighbor(0, uid="uid-a"),)
    first.run_to_ready()
    second.settle()
    assert second.ready() == ("False", Reason.NAME_CONFLICT)


def test_a_claim_that_goes_with_another_resource_is_refused_until_it_is_detached() -> None:
    namespace = FakeNamespace()
    namespace.claims["shards"] = claim("shards", owners=(("other", "uid-0"),))
    namespace.settle()
    assert namespace.ready() == ("False", Reason.NAME_CONFLICT)
    assert "other" in namespace.message()
    assert not namespace.created
    namespace.claims["shards"] = replace(claim("shards"), owners=())
    namespace.run_to_ready()


def test_ones_own_claim_is_used() -> None:
    namespace = FakeNamespace(output=CREATE)
    namespace.claims["made"] = None
    namespace.settle()
    assert namespace.claims["made"] is not None
    assert namespace.claims["made"].owners == (("llama", "uid-1"),)
    assert namespace.live_jobs()


def test_a_claim_that_others_name_already_is_made_to_stay_and_the_condition_says_so() -> None:
    namespace = FakeNamespace(output=CREATE)
    namespace.claims["made"], namespace.named_by = None, ("other",)
    plan = namespace.plan()
    (action,) = plan.actions
    assert isinstance(action, CreateClaim)
    assert not action.owned
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    condition = namespace.status.condition("VolumeReady")
    assert condition is not None
    assert "kept" in condition.message


_PATHS = st.lists(st.sampled_from("abc"), max_size=4).map("/".join)


@given(st.lists(_PATHS, min_size=1, max_size=8), st.data())
def test_overlapping_folders_are_found_as_by_comparing_each_with_each(paths: list[str], data: st.DataObject) -> None:
    folders, there = FolderIndex(), {}
    for number, path in enumerate(paths):
        folders.add(Key("ns", str(number)), "claim", path)
        folders.add(Key("other", str(number)), "claim", path)
        there[Key("ns", str(number))] = path
    for key in data.draw(st.lists(st.sampled_from(sorted(there)), unique=True, max_size=len(there) - 1)):
        folders.remove(key, "claim", there.pop(key))
    for key, path in there.items():
        mine = [part for part in path.split("/") if part]
        expected = set()
        for other, theirs in there.items():
            parts = [part for part in theirs.split("/") if part]
            shared = min(len(parts), len(mine))
            if other != key and parts[:shared] == mine[:shared]:
                expected.add(other)
        assert folders.overlapping(key, "claim", path) == expected

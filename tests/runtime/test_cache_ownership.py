"""Ownership: an object belongs to the resource of its controller, in its namespace, in any order of arrival."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.convert import CONVERTERS
from shardwright_operator.kube.convert.job import convert_job
from shardwright_operator.kube.convert.pod import convert_pod
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, PODS, Kind
from tests.runtime import raw
from tests.runtime.clock import Clock
from tests.runtime.raw import controlled_by

MODEL = Key("default", "model")
JOB_UID = "uid-of-model-prepare-1"
OURS = {CHECKPOINTS: raw.resource, JOBS: raw.job, PODS: raw.pod}
FOREIGN: dict[str, dict[str, Any]] = {
    "of another namespace": {"namespace": "other"},
    "that names no controller": {"ownerReferences": []},
    "that is owned, not controlled": {"ownerReferences": "owned"},
    "of another kind of controller": {"ownerReferences": "kind"},
    "of another group": {"ownerReferences": "group"},
    "of another controller": {"ownerReferences": "uid"},
}


def references(kind: Kind, how: str) -> list[dict[str, Any]]:
    """References that are almost right."""
    owner, uid = ("ShardedCheckpoint", raw.UID) if kind is not PODS else ("Job", JOB_UID)
    match how:
        case "owned":
            return controlled_by(owner, uid, controller=False)
        case "kind":
            return controlled_by("Deployment", uid, group="apps/v1")
        case "group":
            return controlled_by(owner, uid, group="example.com/v1")
    return controlled_by(owner, "another")


def foreign(kind: Kind, changes: dict[str, Any]) -> dict[str, Any]:
    body = {JOBS: raw.job, PODS: raw.pod, CLAIMS: raw.claim}[kind]()
    body["metadata"]["labels"] = {"shardwright.io/checkpoint-uid": raw.UID, "shardwright.io/attempt": "999999999"}
    body["metadata"]["labels"]["batch.kubernetes.io/job-name"] = "model-prepare-1"
    body["metadata"] |= {"name": "foreign", "uid": "uid-of-foreign"}
    how = changes.get("ownerReferences")
    body["metadata"]["ownerReferences"] = references(kind, how) if isinstance(how, str) else how
    if how is None:
        owner = ("Job", JOB_UID) if kind is PODS else ("ShardedCheckpoint", raw.UID)
        body["metadata"]["ownerReferences"] = controlled_by(*owner)
    body["metadata"] |= {name: value for name, value in changes.items() if name != "ownerReferences"}
    return body


def filled(clock: Clock | None = None) -> Cache:
    cache = Cache(clock or Clock())
    for kind, make in OURS.items():
        cache.put(kind, CONVERTERS[kind](make()))
    return cache


@pytest.mark.parametrize("order", [*permutations(OURS)], ids=lambda order: " ".join(kind.plural[:4] for kind in order))
def test_children_are_found_in_any_order_of_arrival(order: tuple[Kind, ...]) -> None:
    cache, affected = Cache(Clock()), set()
    for kind in order:
        affected |= cache.put(kind, CONVERTERS[kind](OURS[kind]()))
    assert affected == {MODEL}
    assert list(cache.jobs.by_owner("default", raw.UID)) == [Key("default", "model-prepare-1")]
    assert [pod.key.name for pod in cache.pods_of("default", JOB_UID)] == ["model-prepare-1-x"]
    assert cache.put(PODS, convert_pod(raw.pod(version=31, phase="Running"))) == {MODEL}


@pytest.mark.parametrize("kind", [JOBS, PODS, CLAIMS], ids=lambda kind: kind.plural)
@pytest.mark.parametrize("case", FOREIGN)
def test_a_foreign_object_with_our_labels_affects_no_resource(kind: Kind, case: str) -> None:
    clock = Clock()
    cache = filled(clock)
    before = cache.size()
    entry = CONVERTERS[kind](foreign(kind, FOREIGN[case]))
    assert cache.put(kind, entry) == set()
    assert list(cache.jobs.by_owner("default", raw.UID)) == [Key("default", "model-prepare-1")]
    assert [pod.key.name for pod in cache.pods_of("default", JOB_UID)] == ["model-prepare-1-x"]
    assert cache.remove(kind, entry.key, entry.uid) == set()
    assert cache.size() == before
    clock.advance(1)
    ours = [CONVERTERS[one](make()) for one, make in OURS.items() if one is kind]
    assert cache.replace(kind, [*ours, entry], clock(), ()) == set()


def test_pods_of_a_deleted_job_affect_no_resource() -> None:
    cache = filled()
    assert cache.remove(JOBS, Key("default", "model-prepare-1"), JOB_UID) == {MODEL}
    assert cache.put(PODS, convert_pod(raw.pod(version=31, phase="Failed"))) == set()
    again = raw.job(version=50)
    again["metadata"]["uid"] = "uid-of-the-next"
    assert cache.put(JOBS, convert_job(again)) == {MODEL}
    assert cache.pods_of("default", "uid-of-the-next") == []
    assert cache.put(PODS, convert_pod(raw.pod(version=32, phase="Failed"))) == set()
    later = raw.pod("model-prepare-1-y", version=51, job="uid-of-the-next")
    assert cache.put(PODS, convert_pod(later)) == {MODEL}


def test_a_child_without_its_controller_affects_no_resource() -> None:
    cache = filled()
    body = raw.job(version=21)
    body["metadata"]["ownerReferences"] = []
    assert cache.put(JOBS, convert_job(body)) == {MODEL}
    assert not cache.jobs.by_owner("default", raw.UID)
    assert cache.put(PODS, convert_pod(raw.pod(version=31, phase="Failed"))) == set()

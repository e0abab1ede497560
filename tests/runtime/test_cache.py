"""The cache: which resources a change affects, and which objects are kept."""

from __future__ import annotations

import pytest

from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.convert.checkpoint import convert_checkpoint
from shardwright_operator.kube.convert.claim import convert_claim
from shardwright_operator.kube.convert.job import convert_job
from shardwright_operator.kube.convert.pod import convert_pod
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, PODS
from tests.runtime import raw
from tests.runtime.clock import Clock

MODEL = Key("default", "model")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache:
    cache = Cache(clock)
    assert cache.put(CHECKPOINTS, convert_checkpoint(raw.resource())) == {MODEL}
    return cache


def test_a_child_affects_the_resource_that_controls_it(cache: Cache) -> None:
    assert cache.put(JOBS, convert_job(raw.job())) == {MODEL}
    assert cache.put(PODS, convert_pod(raw.pod())) == {MODEL}
    assert cache.put(JOBS, convert_job(raw.job("foreign", owner="another"))) == set()
    assert cache.remove(JOBS, Key("default", "model-prepare-1"), "uid-of-model-prepare-1") == {MODEL}


def test_a_claim_affects_the_resources_that_name_it_and_others_are_not_kept(cache: Cache) -> None:
    second = Key("default", "second")
    cache.put(CHECKPOINTS, convert_checkpoint(raw.resource("second", uid="uid-2")))
    assert cache.put(CLAIMS, convert_claim(raw.claim())) == {MODEL, second}
    assert cache.put(CLAIMS, convert_claim(raw.claim("unnamed"))) == set()
    assert cache.size()["persistentvolumeclaims"] == 1
    assert cache.remove(CHECKPOINTS, second, "uid-2") == {second}
    assert cache.put(CLAIMS, convert_claim(raw.claim(version=41))) == {MODEL}


def test_a_changed_spec_names_other_claims(cache: Cache) -> None:
    output = {"persistentVolumeClaim": {"claimName": "elsewhere"}}
    cache.put(CHECKPOINTS, convert_checkpoint(raw.resource(version=11, output=output)))
    assert cache.put(CLAIMS, convert_claim(raw.claim())) == set()
    assert cache.put(CLAIMS, convert_claim(raw.claim("elsewhere"))) == {MODEL}


def test_a_known_version_affects_no_resource(cache: Cache) -> None:
    assert cache.put(CHECKPOINTS, convert_checkpoint(raw.resource())) == set()
    assert cache.knows(CHECKPOINTS, MODEL, raw.UID, 10)
    assert not cache.knows(CHECKPOINTS, MODEL, raw.UID, 11)
    assert not cache.knows(CHECKPOINTS, MODEL, "another", 10)


def test_a_list_affects_the_resources_whose_objects_it_corrects(cache: Cache, clock: Clock) -> None:
    cache.put(JOBS, convert_job(raw.job()))
    cache.put(CLAIMS, convert_claim(raw.claim()))
    clock.advance(1)
    assert cache.replace(JOBS, [], clock(), ()) == {MODEL}
    assert cache.replace(CLAIMS, [convert_claim(raw.claim(version=50))], clock(), ()) == {MODEL}
    assert cache.replace(CHECKPOINTS, [], clock(), ()) == {MODEL}
    assert cache.resources.get(MODEL) is None

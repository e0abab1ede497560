"""A cached resource is parsed whole; a malformed field of its status costs no other field."""

from __future__ import annotations

import pytest

from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.convert.checkpoint import convert_checkpoint
from shardwright_operator.kube.kinds import CHECKPOINTS
from shardwright_operator.kube.observed_resource import parse_resource
from tests.runtime import raw
from tests.runtime.clock import Clock

MODEL = Key("default", "model")


@pytest.fixture
def cache() -> Cache:
    cache = Cache(Clock())
    cache.put(CHECKPOINTS, convert_checkpoint(raw.resource()))
    return cache


def test_a_cached_resource_is_parsed_whole(cache: Cache) -> None:
    entry = cache.resources.get(MODEL)
    assert entry is not None
    resource = parse_resource(entry)
    assert resource.spec is not None
    assert resource.spec.engine.tensor_parallel_size == 2
    assert (resource.resource_version, resource.generation) == ("10", 1)
    assert resource.status.observed_generation == -1


def test_fields_of_a_newer_version_are_ignored_and_a_wrong_type_is_named() -> None:
    newer = raw.resource()
    newer["spec"]["fromTheFuture"] = {"a": 1}
    newer["status"]["alsoNew"] = [1]
    assert parse_resource(convert_checkpoint(newer)).spec is not None
    wrong = parse_resource(convert_checkpoint(raw.resource(engine={"tensorParallelSize": "many"})))
    assert wrong.spec is None
    assert "spec.engine.tensorParallelSize" in wrong.invalid


def test_a_malformed_status_is_empty() -> None:
    broken = raw.resource()
    broken["status"] = {"observedGeneration": "x"}
    assert parse_resource(convert_checkpoint(broken)).status.observed_generation == -1


def test_a_malformed_spec_is_invalid() -> None:
    for spec in ([1], {"source": "x"}, {"source": {"persistentVolumeClaim": {"claimName": ["x"]}}}):
        body = {**raw.resource(), "spec": spec}
        assert parse_resource(convert_checkpoint(body)).invalid


def test_a_malformed_field_of_a_status_costs_no_other_field() -> None:
    body = raw.resource()
    body["status"] = {"attempt": 7, "observedGeneration": "x", "job": {"name": "j", "stage": "Publish", "attempt": 1}}
    status = parse_resource(convert_checkpoint(body)).status
    assert (status.attempt, status.job, status.observed_generation) == (7, None, -1)


def test_an_absurd_time_in_a_status_costs_no_other_field() -> None:
    body, far = raw.resource(), "9999-12-31T23:59:59Z"
    body["status"] = {"attempt": 7, "lastHandledReconcileAt": far, "job": {"name": "j", "stage": "Shard", "attempt": 7}}
    assert parse_resource(convert_checkpoint(body)).status.job is not None
    body["status"]["retry"] = {"inputs": "i", "nextAttemptAt": far}
    status = parse_resource(convert_checkpoint(body)).status
    assert (status.attempt, status.retry, status.last_handled_reconcile_at) == (7, None, far)
    assert status.job is not None

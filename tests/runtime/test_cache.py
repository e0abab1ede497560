"""The cache: which resources an object concerns, and how little is kept of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shardwright_operator.kube import convert
from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.fields import quantity
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, PODS
from shardwright_operator.kube.observed_objects import parse
from tests.runtime import raw
from tests.runtime.clock import Clock

MODEL = Key("default", "model")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache:
    cache = Cache(clock)
    assert cache.put(CHECKPOINTS, convert.resource(raw.resource())) == {MODEL}
    return cache


def test_children_concern_the_resource_that_controls_them(cache: Cache) -> None:
    assert cache.put(JOBS, convert.job(raw.job())) == {MODEL}
    assert cache.put(PODS, convert.pod(raw.pod())) == {MODEL}
    assert cache.put(JOBS, convert.job(raw.job("foreign", owner="another"))) == set()
    assert cache.remove(JOBS, Key("default", "model-prepare-1"), "uid-of-model-prepare-1") == {MODEL}


def test_a_claim_concerns_all_who_name_it_and_others_are_not_kept(cache: Cache) -> None:
    second = Key("default", "second")
    cache.put(CHECKPOINTS, convert.resource(raw.resource("second", uid="uid-2")))
    assert cache.put(CLAIMS, convert.claim(raw.claim())) == {MODEL, second}
    assert cache.put(CLAIMS, convert.claim(raw.claim("of-somebody"))) == set()
    assert cache.size()["persistentvolumeclaims"] == 1
    assert cache.remove(CHECKPOINTS, second, "uid-2") == {second}
    assert cache.put(CLAIMS, convert.claim(raw.claim(version=41))) == {MODEL}


def test_a_changed_spec_names_other_claims(cache: Cache) -> None:
    output = {"persistentVolumeClaim": {"claimName": "elsewhere"}}
    cache.put(CHECKPOINTS, convert.resource(raw.resource(version=11, output=output)))
    assert cache.put(CLAIMS, convert.claim(raw.claim())) == set()
    assert cache.put(CLAIMS, convert.claim(raw.claim("elsewhere"))) == {MODEL}


def test_an_event_about_what_is_known_is_no_news(cache: Cache) -> None:
    assert cache.put(CHECKPOINTS, convert.resource(raw.resource())) == set()
    assert cache.knows(CHECKPOINTS, MODEL, raw.UID, 10)
    assert not cache.knows(CHECKPOINTS, MODEL, raw.UID, 11)
    assert not cache.knows(CHECKPOINTS, MODEL, "another", 10)


def test_a_list_finds_what_no_watch_told(cache: Cache, clock: Clock) -> None:
    cache.put(JOBS, convert.job(raw.job()))
    cache.put(CLAIMS, convert.claim(raw.claim()))
    clock.advance(1)
    assert cache.reconcile(JOBS, [], clock(), ()) == {MODEL}
    assert cache.reconcile(CLAIMS, [convert.claim(raw.claim(version=50))], clock(), ()) == {MODEL}
    assert cache.reconcile(CHECKPOINTS, [], clock(), ()) == {MODEL}
    assert cache.resources.get(MODEL) is None


def test_a_resource_is_read_back_whole(cache: Cache) -> None:
    entry = cache.resources.get(MODEL)
    assert entry is not None
    resource = parse(entry)
    assert resource.spec is not None
    assert resource.spec.engine.tensor_parallel_size == 2
    assert (resource.resource_version, resource.generation) == ("10", 1)
    assert resource.status.observed_generation == -1


def test_fields_of_a_newer_version_are_ignored_and_a_wrong_one_is_named() -> None:
    newer = raw.resource()
    newer["spec"]["fromTheFuture"] = {"a": 1}
    newer["status"]["alsoNew"] = [1]
    assert parse(convert.resource(newer)).spec is not None
    wrong = parse(convert.resource(raw.resource(engine={"tensorParallelSize": "many"})))
    assert wrong.spec is None
    assert "spec.engine.tensorParallelSize" in wrong.invalid


def test_a_status_that_cannot_be_read_is_rebuilt() -> None:
    broken = raw.resource()
    broken["status"] = {"observedGeneration": "x"}
    assert parse(convert.resource(broken)).status.observed_generation == -1


def test_a_pods_end_is_read() -> None:
    ended = {
        "terminated": {
            "exitCode": 137,
            "reason": "OOMKilled",
            "message": "words",
            "startedAt": "2026-01-01T00:00:01Z",
            "finishedAt": "2026-01-01T00:00:02Z",
        }
    }
    target = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    body = raw.pod(phase="Failed", containerStatuses=[{"name": "worker", "state": ended}], conditions=[target])
    pod = convert.pod(body).value
    assert (pod.exit_code, pod.terminated_reason, pod.termination_message) == (137, "OOMKilled", "words")
    assert pod.disruption == "EvictionByEvictionAPI"
    assert pod.started_at == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert pod.job_name == "model-prepare-1"


def test_a_jobs_end_is_read() -> None:
    failed = {
        "type": "Failed",
        "status": "True",
        "reason": "DeadlineExceeded",
        "message": "m",
        "lastTransitionTime": "2026-01-01T00:00:09Z",
    }
    job = convert.job(raw.job(conditions=[failed])).value
    assert job.finished
    assert job.failed == ("DeadlineExceeded", "m")
    assert job.finished_at == datetime(2026, 1, 1, 0, 0, 9, tzinfo=UTC)
    assert dict(job.labels) == {"shardwright.io/checkpoint-uid": raw.UID}, "nothing else is kept"


@pytest.mark.parametrize(
    ("text", "value"),
    [("40Gi", 40 * 1024**3), ("1500m", 1), ("2k", 2000), ("1e3", 1000), ("5", 5), ("1Ei", 1024**6), ("x", None)],
)
def test_quantities_are_read(text: str, value: int | None) -> None:
    assert quantity(text) == value

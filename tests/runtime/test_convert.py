"""Conversion: an object of any shape is converted or skipped; of a pod, the worker container alone counts."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from shardwright_operator.api.names import REQUESTED_AT
from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.convert import CONVERTERS
from shardwright_operator.kube.convert.event import convert_event
from shardwright_operator.kube.convert.job import convert_job
from shardwright_operator.kube.convert.malformed import MalformedObjectError
from shardwright_operator.kube.convert.pod import convert_pod
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, PODS, Kind
from shardwright_operator.kube.observed_resource import parse_resource
from tests.runtime import raw

MALFORMED: tuple[Any, ...] = (
    *(None, [], {}, "", 0, True, -1, 1.5, [1], [None], [[]], [{}], {"a": 1}, "x", 10**400, float("nan"), float("inf")),
    *("\ud800", "\x1b[2J", "a" * 5000, "9" * 5000, "yesterday", "1e30", "1e999999999", "٣", "2026-01-01"),
    *("0000-00-00T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
)
ENDED = {"exitCode": 0, "message": "{}", "startedAt": "2026-01-01T00:00:01Z", "finishedAt": "2026-01-01T00:00:02Z"}
TIME = "2026-01-01T00:00:03Z"


def whole() -> dict[Kind, dict[str, Any]]:
    """One object of each kind with every field that is read."""
    resource = raw.resource()
    resource["metadata"]["annotations"] = {REQUESTED_AT: "now"}
    complete = {"type": "Complete", "status": "True", "reason": "r", "message": "m", "lastTransitionTime": TIME}
    failed = {**complete, "type": "Failed"}
    job = raw.job(conditions=[complete, failed], startTime=TIME, completionTime=TIME, active=1)
    state = {"name": "worker", "state": {"terminated": ENDED}}
    waits = {"name": "other", "state": {"waiting": {"reason": "r", "message": "m"}}}
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "r", "message": "m"}
    target = {"type": "DisruptionTarget", "status": "True", "reason": "r"}
    pod = raw.pod(phase="Failed", reason="Evicted", containerStatuses=[waits, state], conditions=[scheduled, target])
    claim = raw.claim()
    claim["metadata"]["ownerReferences"] = raw.controlled_by("ShardedCheckpoint", raw.UID)
    return {CHECKPOINTS: resource, JOBS: job, PODS: pod, CLAIMS: claim}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of everything in a value, and of the value itself."""
    yield path
    if isinstance(value, dict | list):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(one, (*path, name))


def changed(value: Any, path: tuple[Any, ...], malformed: Any) -> Any:
    """Return a copy of the value with something malformed at this path."""
    if not path:
        return malformed
    result = copy.deepcopy(value)
    inner = result
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = malformed
    return result


@pytest.mark.parametrize("kind", [CHECKPOINTS, JOBS, PODS, CLAIMS], ids=lambda kind: kind.plural)
def test_an_object_with_any_malformed_field_is_converted_or_skipped(kind: Kind) -> None:
    logging.disable(logging.CRITICAL)
    skipped: list[Kind] = []
    cache, taken, tried = Cache(on_malformed=skipped.append), 0, 0
    good = whole()[kind]
    for path in paths(good):
        for malformed in MALFORMED:
            tried += 1
            entry = cache.read(kind, changed(good, path, malformed))
            if entry is None:
                continue
            taken += 1
            cache.put(kind, entry)
            if kind is CHECKPOINTS:
                parse_resource(entry)  # type: ignore[arg-type]
            for time in times_of(entry.value):
                assert time.tzinfo is UTC
                assert 1970 <= time.year <= 3000
            json.dumps(repr(entry.value), ensure_ascii=False).encode()
    logging.disable(logging.NOTSET)
    assert set(skipped) == {kind}
    assert len(skipped) + taken == tried
    assert taken > 10


def times_of(value: Any) -> list[Any]:
    names = ("created_at", "started_at", "finished_at")
    return [time for name in names if (time := getattr(value, name, None)) is not None]


@pytest.mark.parametrize("malformed", [None, [], 5, "text", {}, {"metadata": None}, {"metadata": {"name": "n"}}])
def test_an_object_without_an_identity_is_malformed(malformed: Any) -> None:
    for convert_one in (*CONVERTERS.values(), convert_event):
        if convert_one is convert_event and isinstance(malformed, dict):
            continue  # an Event is about another object and needs no name itself
        with pytest.raises(MalformedObjectError, match="cannot be read"):
            convert_one(malformed)


def test_a_skipped_object_is_logged_once_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    malformed = raw.job()
    malformed["status"]["conditions"] = "\x1b[31mnone"
    assert Cache().read(JOBS, malformed) is None
    (record,) = caplog.records
    assert "Job default/model-prepare-1 cannot be read: conditions is str, not list" in record.getMessage()


def test_the_end_of_a_pod_is_converted() -> None:
    ended = {
        "terminated": {
            "exitCode": 137,
            "reason": "OOMKilled",
            "message": "report",
            "startedAt": "2026-01-01T00:00:01Z",
            "finishedAt": "2026-01-01T00:00:02Z",
        }
    }
    target = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    body = raw.pod(phase="Failed", containerStatuses=[{"name": "worker", "state": ended}], conditions=[target])
    pod = convert_pod(body).value
    assert (pod.exit_code, pod.terminated_reason, pod.termination_message) == (137, "OOMKilled", "report")
    assert pod.disruption == "EvictionByEvictionAPI"
    assert pod.started_at == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert pod.finished_at == datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert pod.job_name == "model-prepare-1"


def test_the_end_of_a_job_is_converted() -> None:
    failed = {
        "type": "Failed",
        "status": "True",
        "reason": "DeadlineExceeded",
        "message": "m",
        "lastTransitionTime": "2026-01-01T00:00:09Z",
    }
    job = convert_job(raw.job(conditions=[failed])).value
    assert job.finished
    assert job.failed == ("DeadlineExceeded", "m")
    assert job.finished_at == datetime(2026, 1, 1, 0, 0, 9, tzinfo=UTC)
    assert dict(job.labels) == {"shardwright.io/checkpoint-uid": raw.UID}, "nothing else is kept"


def test_the_time_of_an_event_is_converted() -> None:
    raw_event = {
        "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
        "regarding": {"kind": "Pod", "name": "p"},
        "reason": "FailedMount",
        "note": "secret not found",
        "eventTime": None,
        "deprecatedLastTimestamp": "2026-01-01T00:00:05Z",
    }
    warning = convert_event(raw_event)
    assert (warning.kind, warning.name, warning.reason) == ("Pod", "p", "FailedMount")
    assert warning.time == datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)


def container(name: str, **state: Any) -> dict[str, Any]:
    return {"name": name, "state": state}


def test_the_worker_container_counts_whatever_other_containers_there_are() -> None:
    report = '{"stage":"Shard","succeeded":true}'
    done = container("worker", terminated={**ENDED, "message": report})
    sidecars = [container("a-sidecar", terminated={"exitCode": 3, "message": "mine"}), container("zz", running={})]
    for statuses in ([sidecars[0], done, sidecars[1]], [done, *sidecars], [*sidecars, done]):
        init = [container("worker", terminated={"exitCode": 9})]
        pod = convert_pod(raw.pod(containerStatuses=statuses, initContainerStatuses=init)).value
        assert (pod.exit_code, pod.termination_message) == (0, report)
    alone = convert_pod(raw.pod(containerStatuses=sidecars)).value
    assert (alone.exit_code, alone.started_at, alone.termination_message) == (None, None, "")


def test_text_of_others_is_made_fit_for_one_line() -> None:
    evil = "\x1b[2Jgone\u202eexe\x9b\ud800\nnext"
    state = container("worker", terminated={**ENDED, "message": evil, "reason": evil})
    pod = convert_pod(raw.pod(containerStatuses=[state])).value
    failed = convert_job(raw.job(conditions=[{"type": "Failed", "status": "True", "reason": "r", "message": evil}]))
    event = convert_event({"metadata": {}, "regarding": {"name": "n"}, "note": evil})
    assert failed.value.failed is not None
    for text in (pod.terminated_reason, failed.value.failed[1], event.message):
        assert text == "\ufffd[2Jgone\ufffdexe\ufffd\ufffd next"
    assert pod.termination_message.splitlines() == ["\ufffd[2Jgone\ufffdexe\ufffd\ufffd", "next"]

"""Objects of any shape: each is taken or left out, and nothing else happens; of a pod, the worker alone is judged."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import pytest

from shardwright_operator.api.names import REQUESTED_AT
from shardwright_operator.kube import convert
from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.fields import quantity
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, PODS, Kind
from shardwright_operator.kube.malformed import MalformedObjectError
from shardwright_operator.kube.observed_objects import parse
from tests.runtime import raw

ODD: tuple[Any, ...] = (
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


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything within, and of the whole."""
    yield path
    if isinstance(value, dict | list):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(one, (*path, name))


def changed(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """The value with something odd in this place."""
    if not path:
        return odd
    result = copy.deepcopy(value)
    inner = result
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = odd
    return result


@pytest.mark.parametrize("kind", [CHECKPOINTS, JOBS, PODS, CLAIMS], ids=lambda kind: kind.plural)
def test_whatever_is_odd_in_an_object_it_is_taken_or_left_out(kind: Kind) -> None:
    logging.disable(logging.CRITICAL)
    skipped: list[Kind] = []
    cache, taken, tried = Cache(on_malformed=skipped.append), 0, 0
    good = whole()[kind]
    for path in places(good):
        for odd in ODD:
            tried += 1
            entry = cache.read(kind, changed(good, path, odd))
            if entry is None:
                continue
            taken += 1
            cache.put(kind, entry)
            if kind is CHECKPOINTS:
                parse(entry)  # type: ignore[arg-type]
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


@pytest.mark.parametrize("odd", [None, [], 5, "text", {}, {"metadata": None}, {"metadata": {"name": "n"}}])
def test_what_says_not_who_it_is_is_left_out(odd: Any) -> None:
    for convert_one in (*convert.CONVERT.values(), convert.warning):
        if convert_one is convert.warning and isinstance(odd, dict):
            continue  # a Warning is about something else; itself it needs no name
        with pytest.raises(MalformedObjectError, match="cannot be read"):
            convert_one(odd)


def test_what_is_left_out_is_said_once_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    odd = raw.job()
    odd["status"]["conditions"] = "\x1b[31mnone"
    assert Cache().read(JOBS, odd) is None
    (record,) = caplog.records
    assert "Job default/model-prepare-1 cannot be read: conditions is str, not list" in record.getMessage()


def test_an_odd_spec_is_told_as_such() -> None:
    for spec in ([1], {"source": "x"}, {"source": {"persistentVolumeClaim": {"claimName": ["x"]}}}):
        body = {**raw.resource(), "spec": spec}
        assert parse(convert.resource(body)).invalid


def test_an_odd_part_of_a_status_costs_no_other_part() -> None:
    body = raw.resource()
    body["status"] = {"attempt": 7, "observedGeneration": "x", "job": {"name": "j", "stage": "Publish", "attempt": 1}}
    status = parse(convert.resource(body)).status
    assert (status.attempt, status.job, status.observed_generation) == (7, None, -1)


def test_times_with_which_nobody_can_reckon_cost_no_other_part() -> None:
    body, far = raw.resource(), "9999-12-31T23:59:59Z"
    body["status"] = {"attempt": 7, "lastHandledReconcileAt": far, "job": {"name": "j", "stage": "Shard", "attempt": 7}}
    assert parse(convert.resource(body)).status.job is not None
    body["status"]["retry"] = {"inputs": "i", "nextAttemptAt": far}
    status = parse(convert.resource(body)).status
    assert (status.attempt, status.retry, status.last_handled_reconcile_at) == (7, None, far)
    assert status.job is not None


@pytest.mark.parametrize("text", ["1e19", "9999999999Ei", "1e999999999", "NaN", "inf", "1" * 100, "--1"])
def test_absurd_quantities_are_none(text: str) -> None:
    assert quantity(text) is None


def named(name: str, **state: Any) -> dict[str, Any]:
    return {"name": name, "state": state}


def test_the_worker_is_judged_by_its_name_whatever_stands_beside_it() -> None:
    report = '{"stage":"Shard","succeeded":true}'
    done = named("worker", terminated={**ENDED, "message": report})
    sidecars = [named("a-sidecar", terminated={"exitCode": 3, "message": "mine"}), named("zz", running={})]
    for statuses in ([sidecars[0], done, sidecars[1]], [done, *sidecars], [*sidecars, done]):
        init = [named("worker", terminated={"exitCode": 9})]
        pod = convert.pod(raw.pod(containerStatuses=statuses, initContainerStatuses=init)).value
        assert (pod.exit_code, pod.termination_message) == (0, report)
    alone = convert.pod(raw.pod(containerStatuses=sidecars)).value
    assert (alone.exit_code, alone.started_at, alone.termination_message) == (None, None, "")


def test_what_others_wrote_is_made_fit_to_be_shown() -> None:
    evil = "\x1b[2Jgone\u202eexe\x9b\ud800\nnext"
    state = named("worker", terminated={**ENDED, "message": evil, "reason": evil})
    pod = convert.pod(raw.pod(containerStatuses=[state])).value
    failed = convert.job(raw.job(conditions=[{"type": "Failed", "status": "True", "reason": "r", "message": evil}]))
    told = convert.warning({"metadata": {}, "regarding": {"name": "n"}, "note": evil})
    assert failed.value.failed is not None
    for text in (pod.terminated_reason, failed.value.failed[1], told.message):
        assert text == "\ufffd[2Jgone\ufffdexe\ufffd\ufffd next"
    assert pod.termination_message.splitlines() == ["\ufffd[2Jgone\ufffdexe\ufffd\ufffd", "next"]

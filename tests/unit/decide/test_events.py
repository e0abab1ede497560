"""Events: one for each Job that starts, is disrupted or stopped, and for each result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shardwright_operator.api.maintenance_status import LastPruned, Maintenance
from shardwright_operator.api.status import JobStatus, Status
from shardwright_operator.decide.events import events_of
from shardwright_operator.decide.plan import Event
from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.namespaces import ready
from tools.testing.fake_namespace import FakeNamespace


def _events(namespace: FakeNamespace) -> list[Event]:
    """Settle, and return the Events of that."""
    events: list[Event] = []
    for _ in range(6):
        before = namespace.status
        namespace.step()
        events += events_of(before, namespace.status)
    return events


def test_a_run_without_failures_has_an_event_for_each_job_and_one_for_its_result() -> None:
    namespace = FakeNamespace()
    events = _events(namespace)
    namespace.succeed()
    events += _events(namespace)
    namespace.succeed()
    events += _events(namespace)
    assert [(one.type, one.reason, one.action) for one in events] == [
        ("Normal", Reason.PROGRESSING, "StartJob"),
        ("Normal", Reason.PROGRESSING, "StartJob"),
        ("Normal", Reason.SUCCEEDED, "Reconcile"),
    ]
    first, second = namespace.created
    assert "Prepare attempt 1" in events[0].message
    assert first in events[0].message
    assert "Shard attempt 2" in events[1].message
    assert second in events[1].message


def test_maintenance_has_no_events() -> None:
    namespace = ready(recheck={"interval": "1h"})
    _events(namespace)
    for _ in range(3):
        namespace.advance(4000)
        assert _events(namespace) == []
        namespace.succeed()
        assert _events(namespace) == []


def test_a_shard_job_that_is_stopped_for_a_change_has_an_event() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    old = namespace.start_job()
    _events(namespace)
    namespace.edit(engine={"tensorParallelSize": 4})
    stopped = [one for one in _events(namespace) if one.action == "StopJob"]
    assert len(stopped) == 1
    assert old.name in stopped[0].message
    assert "its inputs have changed" in stopped[0].message


@pytest.mark.parametrize("end", ["succeed", "fail", "vanish"])
def test_a_job_that_has_ended_was_not_stopped(end: str) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    job = namespace.start_job()
    _events(namespace)
    if end == "succeed":
        namespace.succeed()
    elif end == "fail":
        namespace.fail(Reason.OUT_OF_MEMORY)
    else:
        namespace.remove_job(job.name)
    assert not [one for one in _events(namespace) if one.action == "StopJob"]


def test_a_job_that_only_waited_is_deleted_without_an_event() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.edit(engine={"tensorParallelSize": 4})
    assert not [one for one in _events(namespace) if one.action == "StopJob"]


def _pruned(*keys: str) -> Maintenance:
    return Maintenance(last_pruned=LastPruned(artifact="a" * 16, history_limit=1, kept=1, removed=list(keys)))


@pytest.mark.parametrize(
    ("maintenance", "expected"),
    [
        (Maintenance(source_changed="The source has changed since"), ("Warning", Reason.SOURCE_CHANGED)),
        (_pruned("0123456789abcdef"), ("Normal", Reason.SUCCEEDED)),
        (_pruned(), None),
    ],
)
def test_the_result_of_maintenance_has_one_event(maintenance: Maintenance, expected: tuple[str, str] | None) -> None:
    before = Status()
    after = before.model_copy(update={"maintenance": maintenance})
    assert [(one.type, one.reason) for one in events_of(before, after)] == ([expected] if expected else [])
    assert not list(events_of(after, after))


def test_a_disruption_names_the_pods_and_the_cause() -> None:
    job = JobStatus(name="job", stage="Shard", attempt=2, pod="job-1")
    lost = "Pod job-1 was lost: EvictionByEvictionAPI. Pod job-2 has taken its place."
    again = job.model_copy(update={"pod": "job-2", "disruptions": 1, "last_disruption": lost})
    (event,) = events_of(Status(job=job), Status(job=again))
    assert (event.type, event.reason) == ("Warning", Reason.DISRUPTED)
    assert lost in event.message


def test_a_status_that_does_not_change_has_no_events() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    namespace.pods[job.name] = replace(namespace.pods[job.name], unreachable_since=namespace.now)
    namespace.settle()
    assert not list(events_of(namespace.status, namespace.status))

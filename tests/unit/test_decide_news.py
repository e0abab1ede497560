"""Events tell a life in few words: each Job that begins, what disturbs or stops it, and how it ended; each once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shardwright_operator.api.maintenance_status import LastPruned, Maintenance
from shardwright_operator.api.status import JobStatus, Status
from shardwright_operator.decide.events import events_of
from shardwright_operator.decide.plan import Event
from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace


def _told(namespace: FakeNamespace) -> list[Event]:
    """Settle, and give the events of it."""
    events: list[Event] = []
    for _ in range(6):
        before = namespace.status
        namespace.step()
        events += events_of(before, namespace.status)
    return events


def test_a_normal_run_tells_of_both_jobs_and_of_its_end() -> None:
    namespace = FakeNamespace()
    told = _told(namespace)
    namespace.succeed()
    told += _told(namespace)
    namespace.succeed()
    told += _told(namespace)
    assert [(one.type, one.reason, one.action) for one in told] == [
        ("Normal", Reason.PROGRESSING, "StartJob"),
        ("Normal", Reason.PROGRESSING, "StartJob"),
        ("Normal", Reason.SUCCEEDED, "Reconcile"),
    ]
    first, second = namespace.created
    assert "Prepare attempt 1" in told[0].message
    assert first in told[0].message
    assert "Shard attempt 2" in told[1].message
    assert second in told[1].message


def test_looking_after_an_artifact_is_no_news() -> None:
    namespace = FakeNamespace(recheck={"interval": "1h"})
    namespace.run_to_ready()
    _told(namespace)
    for _ in range(3):
        namespace.advance(4000)
        assert _told(namespace) == []
        namespace.succeed()
        assert _told(namespace) == []


def test_accelerators_that_are_let_go_for_a_change_are_told() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    old = namespace.start_job()
    _told(namespace)
    namespace.edit(engine={"tensorParallelSize": 4})
    stopped = [one for one in _told(namespace) if one.action == "StopJob"]
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
    _told(namespace)
    if end == "succeed":
        namespace.succeed()
    elif end == "fail":
        namespace.fail(Reason.OUT_OF_MEMORY)
    else:
        namespace.remove_job(job.name)
    assert not [one for one in _told(namespace) if one.action == "StopJob"]


def test_a_job_that_only_waited_goes_without_an_event() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.edit(engine={"tensorParallelSize": 4})
    assert not [one for one in _told(namespace) if one.action == "StopJob"]


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
def test_what_looking_after_an_artifact_found_or_did_is_told_once(
    maintenance: Maintenance, expected: tuple[str, str] | None
) -> None:
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


def test_nothing_is_told_of_a_status_that_stays_as_it_is() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    namespace.pods[job.name] = replace(namespace.pods[job.name], unreachable_since=namespace.now)
    namespace.settle()
    assert not list(events_of(namespace.status, namespace.status))

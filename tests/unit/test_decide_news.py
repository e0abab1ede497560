"""Events tell a life in few words: each Job that begins, what disturbs or stops it, and how it ended; each once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shardwright_operator.api.status import JobStatus, Status
from shardwright_operator.decide.events import events_of
from shardwright_operator.decide.plan import Event
from shardwright_operator.decide.report_status import CHANGED
from shardwright_worker.contract.reasons import Reason
from tools.testing.imagined import Imagined


def _told(world: Imagined) -> list[Event]:
    """Settle, and give the events of it."""
    events: list[Event] = []
    for _ in range(6):
        before = world.status
        world.step()
        events += events_of(before, world.status)
    return events


def test_a_normal_run_tells_of_both_jobs_and_of_its_end() -> None:
    world = Imagined()
    told = _told(world)
    world.succeed()
    told += _told(world)
    world.succeed()
    told += _told(world)
    assert [(one.type, one.reason, one.action) for one in told] == [
        ("Normal", Reason.PROGRESSING, "StartJob"),
        ("Normal", Reason.PROGRESSING, "StartJob"),
        ("Normal", Reason.SUCCEEDED, "Reconcile"),
    ]
    first, second = world.created
    assert "Prepare attempt 1" in told[0].message
    assert first in told[0].message
    assert "Shard attempt 2" in told[1].message
    assert second in told[1].message


def test_looking_after_an_artifact_is_no_news() -> None:
    world = Imagined(recheck={"interval": "1h"})
    world.to_ready()
    _told(world)
    for _ in range(3):
        world.later(4000)
        assert _told(world) == []
        world.succeed()
        assert _told(world) == []


def test_accelerators_that_are_let_go_for_a_change_are_told() -> None:
    world = Imagined()
    world.settle()
    world.succeed()
    world.settle()
    old = world.running()
    _told(world)
    world.edit(engine={"tensorParallelSize": 4})
    stopped = [one for one in _told(world) if one.action == "StopJob"]
    assert len(stopped) == 1
    assert old.name in stopped[0].message
    assert "has changed" in stopped[0].message


@pytest.mark.parametrize("end", ["succeed", "fail", "vanish"])
def test_a_job_that_has_ended_was_not_stopped(end: str) -> None:
    world = Imagined()
    world.settle()
    world.succeed()
    world.settle()
    job = world.running()
    _told(world)
    if end == "succeed":
        world.succeed()
    elif end == "fail":
        world.fail(Reason.OUT_OF_MEMORY)
    else:
        world.vanish(job.name)
    assert not [one for one in _told(world) if one.action == "StopJob"]


def test_a_job_that_only_waited_goes_without_an_event() -> None:
    world = Imagined()
    world.settle()
    world.succeed()
    world.settle()
    world.edit(engine={"tensorParallelSize": 4})
    assert not [one for one in _told(world) if one.action == "StopJob"]


@pytest.mark.parametrize(
    ("upkeep", "expected"),
    [
        ({CHANGED: "The source has changed since"}, ("Warning", Reason.SOURCE_CHANGED)),
        ({"removed": "0123456789abcdef", "kept": "1"}, ("Normal", Reason.SUCCEEDED)),
        ({"kept": "1", "removed": ""}, None),
    ],
)
def test_what_looking_after_an_artifact_found_or_did_is_told_once(
    upkeep: dict[str, str], expected: tuple[str, str] | None
) -> None:
    before = Status()
    after = before.model_copy(update={"upkeep": upkeep})
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
    world = Imagined()
    world.settle()
    job = world.running()
    world.settle()
    world.pods[job.name] = replace(world.pods[job.name], unreachable_since=world.now)
    world.settle()
    assert not list(events_of(world.status, world.status))

"""Attempts: numbers that only grow, Jobs that are adopted, and pods that are lost and replaced within a Job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shardwright_operator.decide.observed import Job
from shardwright_operator.decide.plan import CreateJob
from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.api_pods import api_pod
from tools.testing.fake_namespace import FakeNamespace


def test_the_attempt_number_is_written_before_its_job_is_created() -> None:
    namespace = FakeNamespace()
    plan = namespace.step()
    assert not plan.actions
    assert namespace.status.job is not None
    (action,) = namespace.step().actions
    assert isinstance(action, CreateJob)
    assert action.request.facts.job == namespace.status.job.name
    assert action.request.facts.attempt == namespace.status.attempt == 1


def test_a_lost_status_adopts_the_running_job() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    job = namespace.start_job()
    namespace.status = namespace.status.model_copy(update={"job": None})
    namespace.settle()
    assert namespace.status.job is not None
    assert namespace.status.job.name == job.name
    assert namespace.live_jobs() == [job]


@pytest.mark.parametrize("number", [10**9, 2**63 - 1, -5])
def test_an_impossible_attempt_number_is_ignored(number: int) -> None:
    namespace = FakeNamespace()
    namespace.status = namespace.status.model_copy(update={"attempt": number})
    namespace.settle()
    (job,) = namespace.live_jobs()
    assert job.name.endswith("-1")
    assert namespace.status.attempt == 1


def _replaced(namespace: FakeNamespace, job: Job, number: int, gone: bool = False) -> None:
    """The Job's newest pod is evicted; another takes its place."""
    evicted = max((pod for pod in namespace.pods.values() if pod.job_name == job.name), key=lambda pod: pod.created_at)
    key = next(key for key, pod in namespace.pods.items() if pod is evicted)
    if gone:
        del namespace.pods[key]
    else:
        namespace.pods[key] = replace(
            evicted, phase="Failed", exit_code=143, disruption="EvictionByEvictionAPI", status_message="drained"
        )
    namespace.advance(30)
    name = f"{job.name}-{number}"
    namespace.pods[name] = replace(api_pod(job, name, phase="Pending"), created_at=namespace.now, started_at=None)


def test_pods_that_are_replaced_within_a_job_are_counted_and_reported_once() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    for number in (1, 2):
        _replaced(namespace, job, number, gone=number == 2)
        for _ in range(3):
            namespace.step()
        assert namespace.status.job is not None
        assert namespace.status.job.disruptions == number
        assert namespace.events.count(("Warning", Reason.DISRUPTED)) == number
    assert namespace.status.job is not None
    assert f"{job.name}-1" in namespace.status.job.last_disruption
    assert f"{job.name}-2" in namespace.status.job.last_disruption
    assert namespace.live_jobs()


def test_a_stale_cache_counts_no_disruption_twice() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    before = namespace.observed()
    _replaced(namespace, job, 1)
    namespace.settle()
    old = replace(before, resource=namespace.observed().resource)
    namespace.step(old)
    namespace.settle()
    assert namespace.status.job is not None
    assert namespace.status.job.disruptions == 1


def test_a_job_of_an_earlier_attempt_is_not_adopted_from_a_stale_cache() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    [prepare] = namespace.live_jobs()
    namespace.succeed()
    namespace.settle()
    namespace.succeed()
    namespace.status = namespace.status.model_copy(update={"source": None})  # as after its claim was gone for a moment
    now = namespace.observed()
    stale = replace(now, jobs=(prepare, *(job for job in now.jobs if job.name != prepare.name)))
    namespace.step(stale)
    namespace.settle()
    found = namespace.status.job
    assert found is not None
    assert (found.stage, found.attempt) == ("Prepare", 3)

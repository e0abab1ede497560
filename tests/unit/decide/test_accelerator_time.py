"""Accelerator time: what pods of shard Jobs held, in every attempt, however it ended, and nothing twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shardwright_operator.decide.observed import Job
from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.queue_cases import job_at, suspend_by_queue
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import START

FOUR = {"tensorParallelSize": 2, "pipelineParallelSize": 2}


def _held(namespace: FakeNamespace) -> float:
    time = namespace.status.accelerator_time
    return time.held_seconds if time else 0.0


def _started(**parts: object) -> tuple[FakeNamespace, Job]:
    """Return a namespace whose shard Job has run for 30 seconds."""
    namespace, _ = job_at("shard", **parts)
    job = namespace.start_job()
    namespace.settle()
    namespace.advance(30)
    return namespace, job


def test_a_run_holds_its_accelerators_while_its_container_runs() -> None:
    namespace, _ = _started(engine=FOUR)
    assert namespace.status.accelerator_time is None, "it is counted at its end"
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    assert _held(namespace) == 4 * 30


def test_prepare_jobs_and_times_in_a_queue_hold_nothing() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.start_job()
    namespace.advance(500)
    namespace.succeed()
    namespace.settle()
    namespace.advance(700)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    assert namespace.status.accelerator_time is None


def test_a_failed_attempt_is_added_to_the_one_that_succeeds() -> None:
    namespace, job = _started()
    namespace.end_job(job, 1, "")
    namespace.settle()
    assert namespace.status.last_failure is not None
    assert _held(namespace) == 2 * 30
    namespace.advance(3600)
    namespace.settle()
    while namespace.live_jobs():
        job = namespace.start_job()
        namespace.advance(40 if "-shard-" in job.name else 7)
        namespace.succeed()
        namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    assert _held(namespace) == 2 * (30 + 40)


def test_a_job_that_is_suspended_before_it_starts_holds_nothing() -> None:
    namespace, _ = job_at("shard")
    namespace.edit(suspend=True)
    namespace.advance(3600)
    namespace.settle()
    assert namespace.ready()[1] == Reason.SUSPENDED
    assert namespace.status.accelerator_time is None


def test_a_pod_that_a_queue_preempts_is_counted_once_and_not_while_its_job_waits() -> None:
    namespace, job = _started(job={"queueName": "gpus"})
    suspend_by_queue(namespace, job)
    ended = replace(namespace.pods[job.name], phase="Failed", deleting=True, exit_code=143, finished_at=namespace.now)
    namespace.pods[job.name] = ended
    namespace.settle()
    assert _held(namespace) == 2 * 30
    namespace.advance(5000)
    namespace.settle()
    assert _held(namespace) == 2 * 30, "the pod is still there, and counted already"
    namespace.pods.clear()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    namespace.advance(20)
    namespace.succeed()
    namespace.settle()
    assert _held(namespace) == 2 * (30 + 20)


def test_a_pod_that_was_lost_held_its_accelerators_until_it_was_replaced() -> None:
    namespace, job = _started()
    name = f"{job.name}-2"
    successor = replace(namespace.pods[job.name], name=name, created_at=namespace.now, phase="Pending", started_at=None)
    namespace.pods[name] = successor
    namespace.settle()
    assert _held(namespace) == 2 * 30
    namespace.advance(100)
    namespace.pods[name] = replace(successor, phase="Running", started_at=namespace.now)
    namespace.settle()
    namespace.advance(50)
    namespace.pods[name] = replace(namespace.pods[name], phase="Failed", exit_code=1, finished_at=namespace.now)
    namespace.jobs[job.name] = replace(job, failed=("PodFailurePolicy", ""), finished_at=namespace.now)
    namespace.settle()
    assert namespace.status.last_failure is not None
    assert _held(namespace) == 2 * (30 + 50)


def test_an_attempt_that_the_user_makes_obsolete_is_counted_with_the_accelerators_that_it_had() -> None:
    namespace, _ = _started()
    namespace.slow_to_delete = True
    namespace.edit(engine=FOUR)
    namespace.step()
    assert _held(namespace) == 2 * 30
    for _ in range(3):
        namespace.advance(10)
        namespace.step()
    assert _held(namespace) == 2 * 30


def test_an_attempt_that_becomes_current_again_is_counted_from_where_it_was_counted_to() -> None:
    namespace, job = _started()
    before, spec = namespace.observed(), namespace.spec
    namespace.edit(engine=FOUR)
    namespace.step()
    assert _held(namespace) == 2 * 30
    namespace.spec = spec
    namespace.advance(10)
    namespace.step(replace(before, resource=namespace.observed().resource))  # the cache does not show the deletion yet
    namespace.jobs[job.name] = replace(before.jobs[-1], complete=True, finished_at=namespace.now)
    namespace.pods[job.name] = replace(before.pods[-1], exit_code=0, phase="Succeeded", finished_at=namespace.now)
    namespace.step()
    assert _held(namespace) == 2 * (30 + 10)


def test_a_stale_cache_counts_nothing_twice() -> None:
    namespace, job = _started()
    namespace.end_job(job, 1, "")
    before = namespace.observed()
    namespace.settle()
    namespace.advance(3600)
    namespace.step(replace(before, resource=namespace.observed().resource))
    namespace.settle()
    assert _held(namespace) == 2 * 30


@pytest.mark.parametrize(
    ("started", "finished", "held"),
    [(-9999, 30, 30), (0, 99999, 30), (20, 10, 0), (5, None, 25), (None, 30, 0)],
)
def test_times_of_a_node_are_bounded_by_those_of_the_cluster(
    started: int | None, finished: int | None, held: float
) -> None:
    namespace, job = _started()
    begin, end = (None if one is None else START + timedelta(seconds=one) for one in (started, finished))
    namespace.end_job(job, 1, "", started_at=begin, finished_at=end)
    namespace.settle()
    assert _held(namespace) == 2 * held


def test_a_pod_holds_nothing_before_it_was_created() -> None:
    namespace, job = _started()
    namespace.end_job(job, 1, "")
    namespace.settle()
    namespace.advance(3600)
    namespace.settle()
    job = namespace.start_job()
    namespace.advance(7)
    namespace.end_job(job, 1, "", started_at=namespace.now - timedelta(hours=1))
    namespace.settle()
    assert _held(namespace) == 2 * (30 + 7)


def test_an_attempt_that_ended_as_the_spec_was_changed_is_counted() -> None:
    namespace, job = _started()
    namespace.end_job(job, 1, "")
    namespace.edit(engine=FOUR)
    namespace.step()
    assert namespace.status.job is not None, "the next attempt takes its place at once"
    assert _held(namespace) == 2 * 30


def test_a_pod_that_is_gone_is_not_counted() -> None:
    namespace, job = _started()
    namespace.remove_job(job.name)
    namespace.settle()
    assert namespace.status.last_failure is not None
    assert namespace.status.accelerator_time is None

"""Deadlines: a Job that waited for resources until then has not used up an attempt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shardwright_operator.decide.observed import ObservedEvent
from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import pod


def _deadline(namespace: FakeNamespace) -> None:
    """The deadline passes: the Job controller removes the pod and fails the Job."""
    (job,) = namespace.live_jobs()
    namespace.advance(7200)
    namespace.pods.pop(job.name, None)
    failed = ("DeadlineExceeded", "Job was active longer than specified deadline")
    namespace.jobs[job.name] = replace(job, failed=failed, finished_at=namespace.now)
    namespace.settle()


@pytest.mark.parametrize("stage", ["prepare", "shard"])
def test_waiting_for_a_node_uses_up_no_attempt(stage: str) -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    if stage == "shard":
        namespace.succeed()
        namespace.settle()
    for _ in range(5):
        (job,) = namespace.live_jobs()
        namespace.pods[job.name] = replace(
            pod(job, namespace.now), unscheduled=("Unschedulable", "insufficient nvidia.com/gpu")
        )
        namespace.settle()
        _deadline(namespace)
        assert namespace.ready() == ("False", Reason.DEADLINE_EXCEEDED)
        assert "never ran" in namespace.message()
        assert "insufficient nvidia.com/gpu" in namespace.message()
        assert "does not count" in namespace.message()
        namespace.advance(1000)
        namespace.settle()
    namespace.run_to_ready()


def test_a_quota_that_stays_full_uses_up_no_attempt() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    (job,) = namespace.live_jobs()
    namespace.warnings = (ObservedEvent("Job", job.name, "FailedCreate", "exceeded quota: gpus", namespace.now),)
    namespace.settle()
    _deadline(namespace)
    assert namespace.status.last_failure is not None
    assert not namespace.status.last_failure.counts
    namespace.advance(1000)
    namespace.warnings = ()
    namespace.run_to_ready()


def test_a_deadline_of_a_pod_that_ran_counts_although_the_pod_is_gone() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    namespace.start_job()
    namespace.settle()
    _deadline(namespace)
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)


@pytest.mark.parametrize("exit_code", [143, 137, 70])
def test_a_deadline_is_not_a_disruption_whatever_the_pod_says(exit_code: int) -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    namespace.exit_without_report(
        exit_code, ("DeadlineExceeded", "Job was active longer than specified deadline"), deleting=True
    )
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert "DeadlineExceeded" in namespace.message()


def test_an_image_that_cannot_be_pulled_does_not_hold_accelerators_forever() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 2})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    for _ in range(2):
        (job,) = namespace.live_jobs()
        waiting = ("ImagePullBackOff", 'Back-off pulling image "registry/typo:1"')
        namespace.start_job()
        namespace.pods[job.name] = replace(namespace.pods[job.name], phase="Pending", started_at=None, waiting=waiting)
        namespace.settle()
        assert namespace.ready() == ("False", Reason.IMAGE_PULL_FAILED)
        namespace.advance(7200)
        namespace.pods.pop(job.name)  # as the Job controller deletes it
        namespace.jobs[job.name] = replace(job, failed=("DeadlineExceeded", ""), finished_at=namespace.now)
        namespace.settle()
        namespace.advance(1000)
        namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert "typo:1" in namespace.message()
    assert not namespace.live_jobs()


def _pending() -> tuple[FakeNamespace, str]:
    namespace = FakeNamespace()
    namespace.settle()
    (job,) = namespace.live_jobs()
    namespace.pods[job.name] = pod(job, namespace.now)
    return namespace, job.name


def test_a_deadline_that_passed_while_the_pod_waited_says_what_it_waited_for() -> None:
    namespace, name = _pending()
    waits = ("Unschedulable", "0/1 nodes: insufficient nvidia.com/gpu")
    namespace.pods[name] = replace(namespace.pods[name], unscheduled=waits)
    namespace.settle()
    job = namespace.jobs[name]
    namespace.jobs[name] = replace(job, failed=("DeadlineExceeded", "too long"), finished_at=namespace.now)
    namespace.settle()
    assert namespace.status.last_failure is not None
    assert namespace.status.last_failure.reason == Reason.DEADLINE_EXCEEDED
    assert "insufficient nvidia.com/gpu" in namespace.status.last_failure.message

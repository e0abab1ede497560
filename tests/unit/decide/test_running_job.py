"""A Job that has not finished: it is replaced or suspended before it starts, and given up only if it never can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shardwright_operator.api.names import SUSPENDED_LABEL
from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.api_pods import api_pod
from tests.unit.decide.queue_cases import STAGES, job_at, suspend_by_queue
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import pod


def test_job_fields_replace_a_job_that_has_not_started() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    (waiting,) = namespace.live_jobs()
    namespace.edit(job={"nodeSelector": {"pool": "gpu"}})
    namespace.settle()
    (other,) = namespace.live_jobs()
    assert other.name != waiting.name
    namespace.start_job()
    namespace.edit(job={"nodeSelector": {"pool": "other"}})
    namespace.settle()
    assert [job.name for job in namespace.live_jobs()] == [other.name]


@STAGES
def test_only_the_operators_own_suspension_is_marked_and_resumed(stage: str) -> None:
    namespace, job = job_at(stage)
    namespace.edit(suspend=True)
    namespace.settle()
    assert namespace.jobs[job.name].suspended
    assert namespace.jobs[job.name].labels[SUSPENDED_LABEL] == "true"
    namespace.edit(suspend=False)
    namespace.settle()
    assert not namespace.jobs[job.name].suspended
    assert SUSPENDED_LABEL not in namespace.jobs[job.name].labels
    suspend_by_queue(namespace, job)
    namespace.settle()
    assert namespace.jobs[job.name].suspended
    assert namespace.ready() == ("Unknown", Reason.QUEUED)


@STAGES
@pytest.mark.parametrize("parts", [{}, {"job": {"queueName": "gpus"}}])
def test_a_suspended_resource_takes_its_job_out_of_the_queue(stage: str, parts: dict[str, Any]) -> None:
    namespace, job = job_at(stage, **parts)
    suspend_by_queue(namespace, job)
    namespace.settle()
    namespace.edit(suspend=True)
    namespace.settle()
    assert not namespace.live_jobs()
    assert namespace.ready() == ("Unknown", Reason.SUSPENDED)
    namespace.edit(suspend=False)
    namespace.run_to_ready()


def test_a_pod_that_started_as_its_job_was_suspended_does_not_keep_it_from_being_resumed() -> None:
    namespace, job = job_at("shard")
    namespace.edit(suspend=True)
    namespace.step()
    namespace.pods[job.name] = replace(pod(job, namespace.now), phase="Failed", started_at=namespace.now)
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.SUSPENDED)
    namespace.edit(suspend=False)
    namespace.settle()
    assert not namespace.jobs[job.name].suspended
    namespace.run_to_ready()


def test_a_job_that_another_controller_resumes_while_suspended_is_deleted() -> None:
    namespace, job = job_at("shard")
    namespace.edit(suspend=True)
    namespace.settle()
    namespace.jobs[job.name] = replace(namespace.jobs[job.name], suspended=False)
    namespace.settle()
    assert not namespace.live_jobs(), "suspending it again would be a quarrel"
    assert namespace.ready() == ("Unknown", Reason.SUSPENDED)


def test_the_mark_on_a_job_that_another_controller_has_resumed_is_removed() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.edit(suspend=True)
    namespace.settle()
    (job,) = namespace.live_jobs()
    namespace.jobs[job.name] = replace(namespace.jobs[job.name], suspended=False)
    namespace.edit(suspend=False)
    namespace.start_job()
    namespace.settle()
    assert SUSPENDED_LABEL not in namespace.jobs[job.name].labels


def test_a_suspended_resource_is_not_resumed_by_its_queue() -> None:
    namespace = FakeNamespace(job={"queueName": "gpus"})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.edit(suspend=True)
    namespace.settle()
    assert not namespace.live_jobs()
    namespace.edit(suspend=False)
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.QUEUED)


@pytest.mark.parametrize("waiting", ["CreateContainerError", "RunContainerError"])
def test_a_container_that_is_restarted_without_the_worker_is_given_up(waiting: str) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    (job,) = namespace.live_jobs()
    message = (
        "container create failed: executable file `shardwright-worker` not found in $PATH: No such file or directory"
    )
    state = [{"name": "worker", "state": {"waiting": {"reason": waiting, "message": message}}}]
    namespace.pods[job.name] = api_pod(job, phase="Pending", containerStatuses=state)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.WORKER_NOT_IN_IMAGE)
    assert not namespace.live_jobs()
    namespace.advance(1e6)
    namespace.settle()
    assert len(namespace.created) == 2

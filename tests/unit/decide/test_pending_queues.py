"""Queues suspend Jobs and resume them; the operator resumes only what it has suspended itself."""

from __future__ import annotations

from dataclasses import replace

from shardwright_operator.api.names import SUSPENDED_LABEL
from shardwright_operator.decide.observed import ObservedEvent
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.queue_cases import STAGES, job_at, suspend_by_queue
from tools.testing.fake_namespace import FakeNamespace


@STAGES
def test_what_a_queue_has_suspended_is_queued_and_left_alone(stage: str) -> None:
    namespace, job = job_at(stage)
    suspend_by_queue(namespace, job)
    namespace.step()
    assert namespace.ready() == ("Unknown", Reason.QUEUED)
    before = namespace.status
    for _ in range(100):
        plan = namespace.step()
        assert not plan.actions
        assert plan.status == before
        assert not plan.events
        namespace.advance(1)
    assert namespace.jobs[job.name].suspended


@STAGES
def test_a_queue_that_preempts_a_running_job_has_it_queued_again(stage: str) -> None:
    namespace, job = job_at(stage)
    namespace.start_job()
    namespace.progress[job.name] = Progress(stage=Stage.LOADING)
    namespace.settle()
    assert namespace.status.progress is not None
    suspend_by_queue(namespace, job)
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.QUEUED)
    assert namespace.status.progress is None, "nothing runs"
    namespace.pods.clear()
    namespace.progress.clear()
    plan = namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.QUEUED)
    assert not plan.actions
    namespace.run_to_ready()


@STAGES
def test_both_jobs_wait_in_the_queue_of_the_spec(stage: str) -> None:
    namespace, job = job_at(stage, job={"queueName": "gpus"})
    assert job.suspended
    assert SUSPENDED_LABEL not in job.labels
    assert namespace.ready() == ("Unknown", Reason.QUEUED)
    assert "gpus" in namespace.message()
    namespace.run_to_ready()


def test_a_queue_that_may_not_exist_is_pointed_out_after_a_while() -> None:
    namespace, job = job_at("shard", job={"queueName": "gpus"})
    assert "LocalQueue" not in namespace.message()
    namespace.advance(300)
    namespace.settle()
    assert "LocalQueue gpus" in namespace.message()
    assert "namespace models" in namespace.message()
    before = namespace.status
    namespace.advance(3000)
    assert namespace.plan().status == before, "the message does not change with each decision"
    assert namespace.jobs[job.name].suspended


def test_the_queues_own_event_is_shown() -> None:
    namespace, job = job_at("shard", job={"queueName": "gpus"})
    events = (("Suspended", "Job suspended", 2), ("Pending", "insufficient quota for nvidia.com/gpu", 1))
    namespace.warnings = tuple(
        ObservedEvent("Job", job.name, reason, message, namespace.now.replace(second=second), normal=True)
        for reason, message, second in events
    )
    namespace.settle()
    assert "insufficient quota for nvidia.com/gpu" in namespace.message()
    assert "Job suspended" not in namespace.message()
    namespace.jobs[job.name] = replace(job, suspended=False)
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING), "an earlier event of the queue is not shown"


def test_waiting_in_a_queue_uses_up_no_attempt() -> None:
    namespace, _ = job_at("shard", job={"queueName": "gpus", "maxAttempts": 1, "deadline": "1h"})
    namespace.advance(100 * 3600)
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.QUEUED)
    namespace.run_to_ready()


def test_a_queue_decides_when_the_shard_job_starts() -> None:
    namespace = FakeNamespace(job={"queueName": "gpus"})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    (job,) = namespace.live_jobs()
    assert job.suspended
    assert job.labels["kueue.x-k8s.io/queue-name"] == "gpus"
    assert namespace.ready() == ("Unknown", "Queued")
    namespace.jobs[job.name] = replace(job, suspended=False)
    namespace.run_to_ready()

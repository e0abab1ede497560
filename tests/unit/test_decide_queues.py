"""Who has suspended a Job lets it go: queues hold Jobs undisturbed, and the operator resumes only what it suspended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shardwright_operator.decide.observed import Job, Warning
from shardwright_operator.manifests.labels import SUSPENDED
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from tools.testing.imagined import Imagined, pod

STAGES = pytest.mark.parametrize("stage", ["prepare", "shard"])


def _at(stage: str, **parts: Any) -> tuple[Imagined, Job]:
    world = Imagined(**parts)
    world.settle()
    if stage == "shard":
        world.succeed()
        world.settle()
    (job,) = world.live()
    assert f"-{stage}-" in job.name
    return world, job


def _hold(world: Imagined, job: Job) -> None:
    """A queue suspends the Job, as a webhook or a controller does: without a word on it."""
    world.jobs[job.name] = replace(world.jobs[job.name], suspended=True)


@STAGES
def test_what_a_queue_has_suspended_is_queued_and_left_alone(stage: str) -> None:
    world, job = _at(stage)
    _hold(world, job)
    world.step()
    assert world.ready() == ("Unknown", Reason.QUEUED)
    before = world.status
    for _ in range(100):
        plan = world.step()
        assert not plan.actions
        assert plan.status == before
        assert not plan.events
        world.later(1)
    assert world.jobs[job.name].suspended


@STAGES
def test_a_queue_that_preempts_a_running_job_has_it_queued_again(stage: str) -> None:
    world, job = _at(stage)
    world.running()
    world.progress[job.name] = Progress(stage=Stage.LOADING)
    world.settle()
    assert world.status.progress is not None
    _hold(world, job)
    world.settle()
    assert world.ready() == ("Unknown", Reason.QUEUED)
    assert world.status.progress is None, "nothing runs"
    world.pods.clear()
    world.progress.clear()
    plan = world.settle()
    assert world.ready() == ("Unknown", Reason.QUEUED)
    assert not plan.actions
    world.to_ready()


@STAGES
def test_both_jobs_wait_in_the_queue_of_the_spec(stage: str) -> None:
    world, job = _at(stage, job={"queueName": "gpus"})
    assert job.suspended
    assert SUSPENDED not in job.labels
    assert world.ready() == ("Unknown", Reason.QUEUED)
    assert "gpus" in world.message()
    world.to_ready()


@STAGES
def test_only_the_operators_own_suspension_is_marked_and_resumed(stage: str) -> None:
    world, job = _at(stage)
    world.edit(suspend=True)
    world.settle()
    assert world.jobs[job.name].suspended
    assert world.jobs[job.name].labels[SUSPENDED] == "true"
    world.edit(suspend=False)
    world.settle()
    assert not world.jobs[job.name].suspended
    assert SUSPENDED not in world.jobs[job.name].labels
    _hold(world, job)
    world.settle()
    assert world.jobs[job.name].suspended
    assert world.ready() == ("Unknown", Reason.QUEUED)


@STAGES
@pytest.mark.parametrize("parts", [{}, {"job": {"queueName": "gpus"}}])
def test_a_suspended_resource_takes_its_job_out_of_the_queue(stage: str, parts: dict[str, Any]) -> None:
    world, job = _at(stage, **parts)
    _hold(world, job)
    world.settle()
    world.edit(suspend=True)
    world.settle()
    assert not world.live()
    assert world.ready() == ("Unknown", Reason.SUSPENDED)
    world.edit(suspend=False)
    world.to_ready()


def test_a_pod_that_started_as_its_job_was_suspended_keeps_nothing_from_going_on() -> None:
    world, job = _at("shard")
    world.edit(suspend=True)
    world.step()
    world.pods[job.name] = replace(pod(job, world.now), phase="Failed", started_at=world.now)
    world.settle()
    assert world.ready() == ("Unknown", Reason.SUSPENDED)
    world.edit(suspend=False)
    world.settle()
    assert not world.jobs[job.name].suspended
    world.to_ready()


def test_what_somebody_else_resumes_while_the_resource_is_suspended_goes_away() -> None:
    world, job = _at("shard")
    world.edit(suspend=True)
    world.settle()
    world.jobs[job.name] = replace(world.jobs[job.name], suspended=False)
    world.settle()
    assert not world.live(), "suspending it again would be a quarrel"
    assert world.ready() == ("Unknown", Reason.SUSPENDED)


def test_a_queue_that_is_not_there_is_hinted_at_once_after_a_while() -> None:
    world, job = _at("shard", job={"queueName": "gpus"})
    assert "LocalQueue" not in world.message()
    world.later(300)
    world.settle()
    assert "LocalQueue gpus" in world.message()
    assert "namespace models" in world.message()
    before = world.status
    world.later(3000)
    assert world.plan().status == before, "the words do not change with each look"
    assert world.jobs[job.name].suspended


def test_the_queues_own_words_are_passed_on() -> None:
    world, job = _at("shard", job={"queueName": "gpus"})
    told = (("Suspended", "Job suspended", 2), ("Pending", "insufficient quota for nvidia.com/gpu", 1))
    world.warnings = tuple(
        Warning("Job", job.name, reason, message, world.now.replace(second=second), normal=True)
        for reason, message, second in told
    )
    world.settle()
    assert "insufficient quota for nvidia.com/gpu" in world.message()
    assert "Job suspended" not in world.message()
    world.jobs[job.name] = replace(job, suspended=False)
    world.settle()
    assert world.ready() == ("Unknown", Reason.PROGRESSING), "what a queue once said is no obstacle"


def test_waiting_in_a_queue_uses_up_no_attempt() -> None:
    world, _ = _at("shard", job={"queueName": "gpus", "maxAttempts": 1, "deadline": "1h"})
    world.later(100 * 3600)
    world.settle()
    assert world.ready() == ("Unknown", Reason.QUEUED)
    world.to_ready()


def test_a_mark_on_a_job_that_somebody_else_let_go_is_taken_off() -> None:
    world = Imagined()
    world.settle()
    world.edit(suspend=True)
    world.settle()
    (job,) = world.live()
    world.jobs[job.name] = replace(world.jobs[job.name], suspended=False)
    world.edit(suspend=False)
    world.running()
    world.settle()
    assert SUSPENDED not in world.jobs[job.name].labels

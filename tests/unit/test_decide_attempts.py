"""Which ends use up an attempt, and when the next one starts: Jobs that vanish, wait for room, or are told to wait."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import timedelta

import pytest

from shardwright_operator.decide.observed import Warning
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import Report
from tools.testing.imagined import Imagined, pod


def test_a_job_that_was_deleted_while_it_ran_starts_again_and_counts() -> None:
    world = Imagined(job={"maxAttempts": 2})
    world.settle()
    for _ in range(2):
        job = world.running()
        world.settle()
        world.vanish(job.name)
        plan = world.settle()
        assert world.status.last_failure is not None
        assert world.status.last_failure.reason == Reason.DISRUPTED
        world.later((plan.requeue_after or 0) + 1)
        world.settle()
    assert world.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED), "it would go on without end"
    assert len(set(world.created)) == 2


def test_a_job_that_was_deleted_before_it_ran_does_not_count() -> None:
    world = Imagined(job={"maxAttempts": 1})
    for _ in range(3):
        world.settle()
        (job,) = world.live()
        world.vanish(job.name)
        plan = world.settle()
        assert world.ready() == ("False", Reason.DISRUPTED)
        assert plan.requeue_after is not None
        world.later(plan.requeue_after + 1)
    world.to_ready()


def test_the_last_attempt_may_have_published_before_it_vanished() -> None:
    world = Imagined(job={"maxAttempts": 1})
    world.settle()
    world.succeed()
    world.settle()
    job = world.running()
    world.settle()
    world.succeed()
    world.vanish(job.name)
    world.to_ready()
    assert sum("-shard-" in name for name in world.created) == 1


def test_the_last_attempt_that_vanished_without_publishing_was_the_last() -> None:
    world = Imagined(job={"maxAttempts": 1})
    world.settle()
    world.succeed()
    world.settle()
    job = world.running()
    world.settle()
    world.vanish(job.name)
    world.settle()
    world.succeed()
    world.settle()
    assert world.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    world.later(1e6)
    world.settle()
    assert len(world.created) == 3


def test_a_job_that_vanished_is_told_with_what_was_seen_of_it() -> None:
    world = Imagined()
    world.settle()
    job = world.running()
    world.progress[job.name] = Progress(stage=Stage.DIGESTING)
    world.settle()
    world.vanish(job.name)
    world.settle()
    assert "Digesting" in world.message()


def test_a_change_that_is_taken_back_while_its_job_goes_costs_no_attempt() -> None:
    world = Imagined(job={"maxAttempts": 1})
    world.slow_to_delete = True
    world.settle()
    world.running()
    world.step()
    world.edit(engine={"tensorParallelSize": 4})
    world.step()
    world.edit(engine={"tensorParallelSize": 2})
    world.step()
    world.bury()
    world.slow_to_delete = False
    world.settle()
    assert world.status.last_failure is None
    world.to_ready()


def _deadline(world: Imagined) -> None:
    """The deadline passes: the Job controller removes the pod and fails the Job."""
    (job,) = world.live()
    world.later(7200)
    world.pods.pop(job.name, None)
    failed = ("DeadlineExceeded", "Job was active longer than specified deadline")
    world.jobs[job.name] = replace(job, failed=failed, finished_at=world.now)
    world.settle()


@pytest.mark.parametrize("stage", ["prepare", "shard"])
def test_waiting_for_room_uses_up_no_attempt(stage: str) -> None:
    world = Imagined(job={"maxAttempts": 1})
    world.settle()
    if stage == "shard":
        world.succeed()
        world.settle()
    for _ in range(5):
        (job,) = world.live()
        world.pods[job.name] = replace(
            pod(job, world.now), unscheduled=("Unschedulable", "insufficient nvidia.com/gpu")
        )
        world.settle()
        _deadline(world)
        assert world.ready() == ("False", Reason.DEADLINE_EXCEEDED)
        assert "never ran" in world.message()
        assert "insufficient nvidia.com/gpu" in world.message()
        assert "does not count" in world.message()
        world.later(1000)
        world.settle()
    world.to_ready()


def test_a_quota_that_stays_full_uses_up_no_attempt() -> None:
    world = Imagined(job={"maxAttempts": 1})
    world.settle()
    (job,) = world.live()
    world.warnings = (Warning("Job", job.name, "FailedCreate", "exceeded quota: gpus", world.now),)
    world.settle()
    _deadline(world)
    assert world.status.last_failure is not None
    assert not world.status.last_failure.counts
    world.later(1000)
    world.warnings = ()
    world.to_ready()


def test_a_deadline_of_a_pod_that_ran_counts_although_the_pod_is_gone() -> None:
    world = Imagined(job={"maxAttempts": 1})
    world.settle()
    world.running()
    world.settle()
    _deadline(world)
    assert world.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)


def test_a_hub_that_asks_for_a_pause_gets_it_and_no_attempt_is_used_up() -> None:
    world = Imagined(job={"maxAttempts": 1}, source={"huggingFace": {"repo": "org/model"}})
    world.settle()
    for _ in range(4):
        world.fail(Reason.SOURCE_UNAVAILABLE, "429 Too Many Requests", retry_after=300.0)
        plan = world.settle()
        assert world.ready() == ("False", Reason.SOURCE_UNAVAILABLE)
        assert plan.requeue_after is not None
        assert 300 <= plan.requeue_after < 700
        assert f"until {world.now + timedelta(seconds=plan.requeue_after):%Y-%m-%d %H:%M:%S} UTC" in world.message()
        world.later(plan.requeue_after - 1)
        world.settle()
        assert not world.live()
        world.later(2)
        world.settle()
        assert world.live()
    world.to_ready()


@pytest.mark.parametrize(
    ("asked", "counts"), [(1e300, False), (math.inf, False), (math.nan, True), (-5.0, True), (0.0, True)]
)
def test_no_hub_is_waited_for_longer_than_a_day(asked: float, counts: bool) -> None:
    world = Imagined()
    world.settle()
    job = world.running()
    report = Report(stage="Prepare", succeeded=False, reason=Reason.SOURCE_UNAVAILABLE, message="429", exit_code=23)
    world.fail(Reason.SOURCE_UNAVAILABLE)
    text = report.model_copy(update={"retry_after": asked}).to_text()
    world.pods[job.name] = replace(world.pods[job.name], termination_message=text)
    plan = world.settle()
    assert plan.requeue_after is not None
    assert plan.requeue_after <= 86400
    failure = world.status.last_failure
    assert failure is not None
    if failure.reason == Reason.SOURCE_UNAVAILABLE:  # a report with such a number may not be read at all
        assert failure.counts == counts
    json.dumps(world.status.to_wire(), allow_nan=False)


def test_accelerators_wait_for_no_hub() -> None:
    world = Imagined(job={"maxAttempts": 1})
    world.settle()
    world.succeed()
    world.settle()
    world.fail(Reason.COMMUNICATION_FAILED, retry_after=300.0)
    world.settle()
    assert world.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)


LIMITED = [reason for reason, meaning in MEANINGS.items() if meaning.shard_attempts]


@pytest.mark.parametrize("reasons", [[one, one] for one in LIMITED] + [LIMITED])
def test_accelerators_are_not_taken_again_and_again_for_what_nobody_understands(reasons: list[Reason]) -> None:
    world = Imagined(job={"maxAttempts": 100})
    world.settle()
    world.succeed()
    for reason in reasons:
        plan = world.settle()
        world.later(plan.requeue_after or 0)
        world.settle()
        if "-prepare-" in world.live()[0].name:
            world.succeed()
            world.settle()
        world.fail(reason, "a strange thing")
    world.settle()
    assert world.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert "a strange thing" in world.message()
    assert "2 shard Jobs" in world.message()
    assert sum("-shard-" in name for name in world.created) == 2


@pytest.mark.parametrize("reason", LIMITED)
def test_prepare_needs_no_accelerators_and_has_all_its_attempts(reason: Reason) -> None:
    world = Imagined(job={"maxAttempts": 4})
    for _ in range(4):
        world.settle()
        assert world.live()
        world.fail(reason)
        plan = world.settle()
        world.later(plan.requeue_after or 0)
    world.settle()
    assert world.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert len(world.created) == 4


@pytest.mark.parametrize("number", [10**9, 2**63 - 1, -5])
def test_a_number_of_attempts_that_nobody_gave_out_is_not_counted_on(number: int) -> None:
    world = Imagined()
    world.status = world.status.model_copy(update={"attempt": number})
    world.settle()
    (job,) = world.live()
    assert job.name.endswith("-1")
    assert world.status.attempt == 1

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
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import pod


def test_a_job_that_was_deleted_while_it_ran_starts_again_and_counts() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 2})
    namespace.settle()
    for _ in range(2):
        job = namespace.start_job()
        namespace.settle()
        namespace.remove_job(job.name)
        plan = namespace.settle()
        assert namespace.status.last_failure is not None
        assert namespace.status.last_failure.reason == Reason.DISRUPTED
        namespace.advance((plan.requeue_after or 0) + 1)
        namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED), "it would go on without end"
    assert len(set(namespace.created)) == 2


def test_a_job_that_was_deleted_before_it_ran_does_not_count() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    for _ in range(3):
        namespace.settle()
        (job,) = namespace.live_jobs()
        namespace.remove_job(job.name)
        plan = namespace.settle()
        assert namespace.ready() == ("False", Reason.DISRUPTED)
        assert plan.requeue_after is not None
        namespace.advance(plan.requeue_after + 1)
    namespace.run_to_ready()


def test_the_last_attempt_may_have_published_before_it_vanished() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    namespace.succeed()
    namespace.remove_job(job.name)
    namespace.run_to_ready()
    assert sum("-shard-" in name for name in namespace.created) == 1


def test_the_last_attempt_that_vanished_without_publishing_was_the_last() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    namespace.remove_job(job.name)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    namespace.advance(1e6)
    namespace.settle()
    assert len(namespace.created) == 3


def test_a_job_that_vanished_is_told_with_what_was_seen_of_it() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    namespace.progress[job.name] = Progress(stage=Stage.DIGESTING)
    namespace.settle()
    namespace.remove_job(job.name)
    namespace.settle()
    assert "Digesting" in namespace.message()


def test_a_change_that_is_taken_back_while_its_job_goes_costs_no_attempt() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.slow_to_delete = True
    namespace.settle()
    namespace.start_job()
    namespace.step()
    namespace.edit(engine={"tensorParallelSize": 4})
    namespace.step()
    namespace.edit(engine={"tensorParallelSize": 2})
    namespace.step()
    namespace.finish_deletions()
    namespace.slow_to_delete = False
    namespace.settle()
    assert namespace.status.last_failure is None
    namespace.run_to_ready()


def _deadline(namespace: FakeNamespace) -> None:
    """The deadline passes: the Job controller removes the pod and fails the Job."""
    (job,) = namespace.live_jobs()
    namespace.advance(7200)
    namespace.pods.pop(job.name, None)
    failed = ("DeadlineExceeded", "Job was active longer than specified deadline")
    namespace.jobs[job.name] = replace(job, failed=failed, finished_at=namespace.now)
    namespace.settle()


@pytest.mark.parametrize("stage", ["prepare", "shard"])
def test_waiting_for_room_uses_up_no_attempt(stage: str) -> None:
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
    namespace.warnings = (Warning("Job", job.name, "FailedCreate", "exceeded quota: gpus", namespace.now),)
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


def test_a_hub_that_asks_for_a_pause_gets_it_and_no_attempt_is_used_up() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1}, source={"huggingFace": {"repo": "org/model"}})
    namespace.settle()
    for _ in range(4):
        namespace.fail(Reason.SOURCE_UNAVAILABLE, "429 Too Many Requests", retry_after=300.0)
        plan = namespace.settle()
        assert namespace.ready() == ("False", Reason.SOURCE_UNAVAILABLE)
        assert plan.requeue_after is not None
        assert 300 <= plan.requeue_after < 700
        assert (
            f"until {namespace.now + timedelta(seconds=plan.requeue_after):%Y-%m-%d %H:%M:%S} UTC"
            in namespace.message()
        )
        namespace.advance(plan.requeue_after - 1)
        namespace.settle()
        assert not namespace.live_jobs()
        namespace.advance(2)
        namespace.settle()
        assert namespace.live_jobs()
    namespace.run_to_ready()


@pytest.mark.parametrize(
    ("asked", "counts"), [(1e300, False), (math.inf, False), (math.nan, True), (-5.0, True), (0.0, True)]
)
def test_no_hub_is_waited_for_longer_than_a_day(asked: float, counts: bool) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    report = Report(stage="Prepare", succeeded=False, reason=Reason.SOURCE_UNAVAILABLE, message="429", exit_code=23)
    namespace.fail(Reason.SOURCE_UNAVAILABLE)
    text = report.model_copy(update={"retry_after_seconds": asked}).to_text()
    namespace.pods[job.name] = replace(namespace.pods[job.name], termination_message=text)
    plan = namespace.settle()
    assert plan.requeue_after is not None
    assert plan.requeue_after <= 86400
    failure = namespace.status.last_failure
    assert failure is not None
    if failure.reason == Reason.SOURCE_UNAVAILABLE:  # a report with such a number may not be read at all
        assert failure.counts == counts
    json.dumps(namespace.status.to_wire(), allow_nan=False)


def test_accelerators_wait_for_no_hub() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.fail(Reason.COMMUNICATION_FAILED, retry_after=300.0)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)


LIMITED = [reason for reason, meaning in MEANINGS.items() if meaning.shard_attempts]


@pytest.mark.parametrize("reasons", [[one, one] for one in LIMITED] + [LIMITED])
def test_accelerators_are_not_taken_again_and_again_for_what_nobody_understands(reasons: list[Reason]) -> None:
    namespace = FakeNamespace(job={"maxAttempts": 100})
    namespace.settle()
    namespace.succeed()
    for reason in reasons:
        plan = namespace.settle()
        namespace.advance(plan.requeue_after or 0)
        namespace.settle()
        if "-prepare-" in namespace.live_jobs()[0].name:
            namespace.succeed()
            namespace.settle()
        namespace.fail(reason, "a strange thing")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert "a strange thing" in namespace.message()
    assert "2 shard Jobs" in namespace.message()
    assert sum("-shard-" in name for name in namespace.created) == 2


@pytest.mark.parametrize("reason", LIMITED)
def test_prepare_needs_no_accelerators_and_has_all_its_attempts(reason: Reason) -> None:
    namespace = FakeNamespace(job={"maxAttempts": 4})
    for _ in range(4):
        namespace.settle()
        assert namespace.live_jobs()
        namespace.fail(reason)
        plan = namespace.settle()
        namespace.advance(plan.requeue_after or 0)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert len(namespace.created) == 4


@pytest.mark.parametrize("number", [10**9, 2**63 - 1, -5])
def test_a_number_of_attempts_that_nobody_gave_out_is_not_counted_on(number: int) -> None:
    namespace = FakeNamespace()
    namespace.status = namespace.status.model_copy(update={"attempt": number})
    namespace.settle()
    (job,) = namespace.live_jobs()
    assert job.name.endswith("-1")
    assert namespace.status.attempt == 1

"""How often a stage is tried: each stage has its own attempts, and unexplained failures of accelerators end early."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import timedelta

import pytest

from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import Report
from tests.unit.decide.namespaces import created_stages, ready
from tools.testing.fake_namespace import FakeNamespace

LIMITED = [reason for reason, meaning in MEANINGS.items() if meaning.shard_attempts]


def test_a_rate_limit_is_waited_for_and_uses_up_no_attempt() -> None:
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
def test_a_rate_limit_is_waited_for_at_most_a_day(asked: float, counts: bool) -> None:
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


def test_accelerators_do_not_wait_for_a_rate_limit() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.fail(Reason.COMMUNICATION_FAILED, retry_after=300.0)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)


@pytest.mark.parametrize("reasons", [[one, one] for one in LIMITED] + [LIMITED])
def test_accelerators_are_taken_twice_at_most_for_an_unexplained_failure(reasons: list[Reason]) -> None:
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
    assert created_stages(namespace).count("shard") == 2


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


def test_lost_reports_are_counted_although_prepare_succeeds_in_between() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 2})
    shards = 0
    for _ in range(20):
        plan = namespace.settle()
        if plan.requeue_after:
            namespace.advance(plan.requeue_after)
            namespace.settle()
        if not namespace.live_jobs():
            break
        namespace.succeed()
        if "-shard-" in namespace.created[-1]:
            shards += 1
            namespace.worker.published.clear()
            namespace.pods.clear()
    assert shards == 2
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)


def test_failures_of_prepare_do_not_use_up_the_attempts_of_shard() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 2})
    namespace.settle()
    namespace.fail(Reason.TRANSFER_FAILED)
    namespace.settle()
    namespace.advance(1000)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.fail(Reason.COMMUNICATION_FAILED)
    namespace.settle()
    namespace.advance(1000)
    namespace.settle()
    assert namespace.ready()[0] == "Unknown"
    namespace.run_to_ready()


@pytest.mark.parametrize("how", ["weaker", "vanished", "changed", "lost"])
def test_a_verification_that_never_succeeds_ends(how: str) -> None:
    namespace = ready(verification="Digests")
    namespace.edit(verification="Load")
    proofs = 0
    for _ in range(60):
        plan = namespace.settle()
        if plan.requeue_after:
            namespace.advance(plan.requeue_after + 1)
            namespace.settle()
        if not namespace.live_jobs():
            break
        (job,) = namespace.live_jobs()
        if job.labels["shardwright.io/stage"] != "shard":
            namespace.succeed()
            continue
        proofs += 1
        namespace.worker.verified_by = "Digests"
        if how == "vanished":
            namespace.start_job()
            namespace.settle()
            namespace.remove_job(job.name)
        elif how == "changed":
            namespace.fail(Reason.SOURCE_CHANGED)
        else:
            namespace.succeed()
            if how == "lost":
                namespace.pods.clear()
    assert proofs <= 3
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)

"""The result of a Job: only a success that agrees with its pod and with what was asked for is one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import read_report
from tools.testing.fake_namespace import FakeNamespace


def test_a_job_without_a_terminal_condition_is_not_judged() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    namespace.pods[job.name] = replace(namespace.pods[job.name], phase="Failed", exit_code=143)
    namespace.settle()
    assert namespace.status.last_failure is None
    assert len(namespace.created) == 1


@pytest.mark.parametrize("stage", ["Prepare", "Shard"])
def test_a_success_that_names_another_artifact_is_not_one(stage: str) -> None:
    namespace = FakeNamespace(job={"maxAttempts": 2})
    namespace.settle()
    if stage == "Shard":
        namespace.succeed()
        namespace.settle()
    for _ in range(2):
        namespace.succeed(key="another", artifact=None, source=None)
        namespace.settle()
        namespace.advance(1000)
        namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert "WorkerProtocolError" in namespace.message()


@pytest.mark.parametrize(
    "change",
    [
        {"exit_code": 1},
        {"exit_code": 137},
        {"report": {"reason": Reason.OUT_OF_MEMORY}},
        {"report": {"exit_code": 80}},
        {"report": {"succeeded": False}},
    ],
)
@pytest.mark.parametrize("stage", ["prepare", "shard"])
def test_a_success_that_contradicts_itself_is_not_one(stage: str, change: dict[str, Any]) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    if stage == "shard":
        namespace.succeed()
        namespace.settle()
    source, artifact = namespace.status.source, namespace.status.artifact
    (job,) = namespace.live_jobs()
    namespace.succeed()
    ended = namespace.pods[job.name]
    report = read_report(ended.termination_message)
    assert report is not None
    text = report.model_copy(update=change.get("report", {})).to_text()
    namespace.pods[job.name] = replace(ended, termination_message=text, exit_code=change.get("exit_code", 0))
    namespace.step()
    assert namespace.status.artifact == artifact
    assert namespace.status.last_failure is not None
    if stage == "prepare":
        assert namespace.status.source == source


def test_a_success_with_a_lower_level_than_asked_for_is_not_one() -> None:
    namespace = FakeNamespace()
    namespace.worker.verified_by = "Digests"
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] != "True"
    assert namespace.status.last_failure is not None


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


def test_a_deleted_job_is_reported_with_what_was_last_seen_of_it() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    namespace.progress[job.name] = Progress(stage=Stage.DIGESTING)
    namespace.settle()
    namespace.remove_job(job.name)
    namespace.settle()
    assert "Digesting" in namespace.message()

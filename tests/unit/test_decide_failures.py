"""What goes wrong: how it is named, whether it is tried again, and what lifts it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shardwright_operator.decide.observed import Warning
from shardwright_operator.decide.retry import backoff
from shardwright_worker.contract.reasons import MEANINGS, Reason
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import CONFIG, claim, pod

WORKERS = [reason for reason, meaning in MEANINGS.items() if meaning.exit_code and reason != Reason.DISRUPTED]


@pytest.mark.parametrize("reason", [one for one in WORKERS if not MEANINGS[one].retry])
def test_a_permanent_failure_stops_until_something_changes(reason: Reason) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.fail(reason)
    plan = namespace.settle()
    assert namespace.ready() == ("False", reason)
    assert namespace.status.condition("Stalled") is not None
    assert namespace.status.condition("Reconciling") is None
    assert plan.requeue_after is None
    namespace.advance(1e6)
    namespace.settle()
    assert len(namespace.created) == 1
    assert namespace.outcome_events() == [("Warning", reason)]


@pytest.mark.parametrize("reason", [one for one in WORKERS if MEANINGS[one].retry])
def test_a_transient_failure_is_tried_again_and_then_given_up(reason: Reason) -> None:
    namespace = FakeNamespace(job={"maxAttempts": 2})
    namespace.settle()
    namespace.fail(reason)
    plan = namespace.settle()
    assert namespace.ready() == ("False", reason)
    assert plan.requeue_after is not None
    assert namespace.status.condition("Reconciling") is not None
    namespace.advance(plan.requeue_after + 1)
    namespace.settle()
    namespace.fail(reason, "again")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert "again" in namespace.message()
    assert [one.attempt for one in namespace.status.failed_attempts] == [1, 2]


@pytest.mark.parametrize(
    "change",
    [
        {"engine": {"tensorParallelSize": 4}},
        {"source": {"persistentVolumeClaim": {"claimName": "models", "path": "other"}}},
        {"job": {"resources": {"limits": {"memory": "9Gi"}}}},
        {"verification": "Digests"},
        {},
    ],
)
def test_what_lifts_a_permanent_failure(change: dict[str, Any]) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.fail(Reason.OUT_OF_MEMORY)
    namespace.settle()
    if change:
        namespace.edit(**change)
    else:
        namespace.requested_at = "please"
    namespace.run_to_ready()
    assert namespace.status.last_failure is None


def test_disruption_does_not_count() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    for _ in range(3):
        namespace.exit_without_report(143)
        plan = namespace.settle()
        assert namespace.ready() == ("False", Reason.DISRUPTED)
        assert plan.requeue_after is not None
        namespace.advance(plan.requeue_after + 1)
        namespace.settle()
    namespace.run_to_ready()


@pytest.mark.parametrize("exit_code", [143, 137, 70])
def test_a_deadline_is_no_disruption_whatever_the_pod_says(exit_code: int) -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    namespace.exit_without_report(
        exit_code, ("DeadlineExceeded", "Job was active longer than specified deadline"), deleting=True
    )
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert "DeadlineExceeded" in namespace.message()


def test_a_job_is_judged_by_its_own_last_condition_alone() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    namespace.pods[job.name] = replace(namespace.pods[job.name], phase="Failed", exit_code=143)
    namespace.settle()
    assert namespace.status.last_failure is None
    assert len(namespace.created) == 1


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"exit_code": 137, "terminated_reason": "OOMKilled"}, Reason.OUT_OF_MEMORY),
        ({"exit_code": 52}, Reason.OUT_OF_MEMORY),
        ({"exit_code": 1}, Reason.WORKER_PROTOCOL_ERROR),
        ({"exit_code": 137, "disruption": "EvictionByEvictionAPI"}, Reason.DISRUPTED),
        ({"exit_code": 137, "deleting": True}, Reason.DISRUPTED),
    ],
)
def test_a_pod_without_a_report_is_named_by_how_it_ended(facts: dict[str, Any], reason: Reason) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.exit_without_report(**facts)
    namespace.settle()
    assert namespace.status.last_failure is not None
    assert namespace.status.last_failure.reason == reason


@pytest.mark.parametrize("guess", [Reason.WORKER_PROTOCOL_ERROR, Reason.COMMUNICATION_FAILED])
def test_a_rank_killed_for_its_memory_is_named_so_whatever_the_worker_makes_of_it(guess: Reason) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.fail(guess, terminated_reason="OOMKilled")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.OUT_OF_MEMORY)


def test_a_job_that_failed_unseen_is_still_named() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.exit_without_report(1, ("BackoffLimitExceeded", "Job has reached the specified backoff limit"))
    namespace.pods.clear()
    namespace.settle()
    assert namespace.status.last_failure is not None
    assert "BackoffLimitExceeded" in namespace.status.last_failure.message


def test_backoff_doubles_to_a_limit_with_a_jitter_that_stays_the_same() -> None:
    pauses = [backoff(CONFIG, number, f"uid/{number}") for number in range(1, 12)]
    assert pauses == [backoff(CONFIG, number, f"uid/{number}") for number in range(1, 12)]
    assert all(
        CONFIG.retry_base * 2**i <= pause <= 1.25 * CONFIG.retry_base * 2**i for i, pause in enumerate(pauses[:6])
    )
    assert pauses[-1] <= 1.25 * CONFIG.retry_cap


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"unscheduled": ("Unschedulable", "0/1 nodes: insufficient nvidia.com/gpu")}, Reason.UNSCHEDULABLE),
        (
            {"unscheduled": ("Unschedulable", "pod has unbound immediate PersistentVolumeClaims")},
            Reason.VOLUME_PENDING,
        ),
        ({"waiting": ("ImagePullBackOff", "no such image")}, Reason.IMAGE_PULL_FAILED),
        ({"waiting": ("CreateContainerConfigError", "secret hf not found")}, Reason.POD_NOT_CREATED),
    ],
)
def test_a_pod_that_does_not_start_says_why_and_nothing_is_lost(facts: dict[str, Any], reason: Reason) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    (job,) = namespace.live_jobs()
    namespace.pods[job.name] = replace(pod(job, namespace.now), **facts)
    namespace.settle()
    assert namespace.ready() == ("False", reason)
    assert namespace.status.condition("Reconciling") is not None
    namespace.run_to_ready()
    assert len(namespace.created) == 2


@pytest.mark.parametrize("kind", ["Job", "Pod"])
def test_warnings_tell_why_there_is_no_pod(kind: str) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    (job,) = namespace.live_jobs()
    if kind == "Pod":
        namespace.pods[job.name] = pod(job, namespace.now)
    namespace.warnings = (Warning(kind, job.name, "FailedCreate", "exceeded quota: gpus", namespace.now),)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.POD_NOT_CREATED)
    assert "exceeded quota" in namespace.message()


def test_the_newest_warning_counts_and_not_what_the_scheduler_once_said() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    (job,) = namespace.live_jobs()
    namespace.pods[job.name] = pod(job, namespace.now)
    past, later = namespace.now, namespace.now + timedelta(seconds=5)
    told = (
        ("FailedScheduling", "no node", past),
        ("FailedMount", "no volume", past),
        ("FailedMount", "no secret", later),
    )
    namespace.warnings = tuple(Warning("Pod", job.name, reason, message, time) for reason, message, time in told)
    namespace.settle()
    assert "no secret" in namespace.message()


@pytest.mark.parametrize("name", ["models", "shards"])
def test_a_claim_that_is_missing_is_waited_for(name: str) -> None:
    namespace = FakeNamespace()
    namespace.claims[name] = None
    plan = namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_NOT_FOUND)
    assert name in namespace.message()
    assert plan.requeue_after is not None
    namespace.claims[name] = claim(name)
    namespace.run_to_ready()


def test_a_claim_that_cannot_be_written_to_needs_a_person() -> None:
    namespace = FakeNamespace()
    namespace.claims["shards"] = replace(claim("shards"), access_modes=("ReadOnlyMany",))
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ACCESS_MODE_UNSUPPORTED)
    assert namespace.status.condition("Stalled") is not None


def test_a_vanished_claim_is_not_ready_any_more() -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    namespace.claims["shards"] = None
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_NOT_FOUND)
    assert namespace.status.serving is None
    namespace.claims["shards"] = claim("shards")
    namespace.run_to_ready()
    assert [name.split("-")[1] for name in namespace.created] == ["prepare", "shard", "prepare"]

"""What goes wrong: how it is named, whether it is tried again, and what lifts it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shardwright_operator.decide.observed import Warning
from shardwright_operator.decide.retry import backoff
from shardwright_worker.contract.reasons import MEANINGS, Reason
from tools.testing.imagined import CONFIG, Imagined, claim, pod

WORKERS = [reason for reason, meaning in MEANINGS.items() if meaning.exit_code and reason != Reason.DISRUPTED]


@pytest.mark.parametrize("reason", [one for one in WORKERS if not MEANINGS[one].retry])
def test_a_permanent_failure_stops_until_something_changes(reason: Reason) -> None:
    world = Imagined()
    world.settle()
    world.fail(reason)
    plan = world.settle()
    assert world.ready() == ("False", reason)
    assert world.status.condition("Stalled") is not None
    assert world.status.condition("Reconciling") is None
    assert plan.requeue_after is None
    world.later(1e6)
    world.settle()
    assert len(world.created) == 1
    assert world.outcomes() == [("Warning", reason)]


@pytest.mark.parametrize("reason", [one for one in WORKERS if MEANINGS[one].retry])
def test_a_transient_failure_is_tried_again_and_then_given_up(reason: Reason) -> None:
    world = Imagined(job={"maxAttempts": 2})
    world.settle()
    world.fail(reason)
    plan = world.settle()
    assert world.ready() == ("False", reason)
    assert plan.requeue_after is not None
    assert world.status.condition("Reconciling") is not None
    world.later(plan.requeue_after + 1)
    world.settle()
    world.fail(reason, "again")
    world.settle()
    assert world.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert "again" in world.message()
    assert [one.attempt for one in world.status.attempts] == [1, 2]


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
    world = Imagined()
    world.settle()
    world.fail(Reason.OUT_OF_MEMORY)
    world.settle()
    if change:
        world.edit(**change)
    else:
        world.requested_at = "please"
    world.to_ready()
    assert world.status.last_failure is None


def test_disruption_does_not_count() -> None:
    world = Imagined(job={"maxAttempts": 1})
    world.settle()
    for _ in range(3):
        world.die(143)
        plan = world.settle()
        assert world.ready() == ("False", Reason.DISRUPTED)
        assert plan.requeue_after is not None
        world.later(plan.requeue_after + 1)
        world.settle()
    world.to_ready()


@pytest.mark.parametrize("exit_code", [143, 137, 70])
def test_a_deadline_is_no_disruption_whatever_the_pod_says(exit_code: int) -> None:
    world = Imagined(job={"maxAttempts": 1})
    world.settle()
    world.die(exit_code, ("DeadlineExceeded", "Job was active longer than specified deadline"), deleting=True)
    world.settle()
    assert world.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert "DeadlineExceeded" in world.message()


def test_a_job_is_judged_by_its_own_last_condition_alone() -> None:
    world = Imagined()
    world.settle()
    job = world.running()
    world.pods[job.name] = replace(world.pods[job.name], phase="Failed", exit_code=143)
    world.jobs[job.name] = replace(job, failure_target=("DeadlineExceeded", ""))
    world.settle()
    assert world.status.last_failure is None
    assert len(world.created) == 1


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
    world = Imagined()
    world.settle()
    world.die(**facts)
    world.settle()
    assert world.status.last_failure is not None
    assert world.status.last_failure.reason == reason


@pytest.mark.parametrize("guess", [Reason.WORKER_PROTOCOL_ERROR, Reason.COMMUNICATION_FAILED])
def test_a_rank_killed_for_its_memory_is_named_so_whatever_the_worker_makes_of_it(guess: Reason) -> None:
    world = Imagined()
    world.settle()
    world.fail(guess, terminated_reason="OOMKilled")
    world.settle()
    assert world.ready() == ("False", Reason.OUT_OF_MEMORY)


def test_a_job_that_failed_unseen_is_still_named() -> None:
    world = Imagined()
    world.settle()
    world.die(1, ("BackoffLimitExceeded", "Job has reached the specified backoff limit"))
    world.pods.clear()
    world.settle()
    assert world.status.last_failure is not None
    assert "BackoffLimitExceeded" in world.status.last_failure.message


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
    world = Imagined()
    world.settle()
    (job,) = world.live()
    world.pods[job.name] = replace(pod(job, world.now), **facts)
    world.settle()
    assert world.ready() == ("False", reason)
    assert world.status.condition("Reconciling") is not None
    world.to_ready()
    assert len(world.created) == 2


@pytest.mark.parametrize("kind", ["Job", "Pod"])
def test_warnings_tell_why_there_is_no_pod(kind: str) -> None:
    world = Imagined()
    world.settle()
    (job,) = world.live()
    if kind == "Pod":
        world.pods[job.name] = pod(job, world.now)
    world.warnings = (Warning(kind, job.name, "FailedCreate", "exceeded quota: gpus", world.now),)
    world.settle()
    assert world.ready() == ("False", Reason.POD_NOT_CREATED)
    assert "exceeded quota" in world.message()


def test_the_newest_warning_counts_and_not_what_the_scheduler_once_said() -> None:
    world = Imagined()
    world.settle()
    (job,) = world.live()
    world.pods[job.name] = pod(job, world.now)
    past, later = world.now, world.now + timedelta(seconds=5)
    told = (
        ("FailedScheduling", "no node", past),
        ("FailedMount", "no volume", past),
        ("FailedMount", "no secret", later),
    )
    world.warnings = tuple(Warning("Pod", job.name, reason, message, time) for reason, message, time in told)
    world.settle()
    assert "no secret" in world.message()


@pytest.mark.parametrize("name", ["models", "shards"])
def test_a_claim_that_is_missing_is_waited_for(name: str) -> None:
    world = Imagined()
    world.claims[name] = None
    plan = world.settle()
    assert world.ready() == ("False", Reason.VOLUME_NOT_FOUND)
    assert name in world.message()
    assert plan.requeue_after is not None
    world.claims[name] = claim(name)
    world.to_ready()


def test_a_claim_that_cannot_be_written_to_needs_a_person() -> None:
    world = Imagined()
    world.claims["shards"] = replace(claim("shards"), access_modes=("ReadOnlyMany",))
    world.settle()
    assert world.ready() == ("False", Reason.ACCESS_MODE_UNSUPPORTED)
    assert world.status.condition("Stalled") is not None


def test_a_vanished_claim_is_not_ready_any_more() -> None:
    world = Imagined()
    world.to_ready()
    world.claims["shards"] = None
    world.settle()
    assert world.ready() == ("False", Reason.VOLUME_NOT_FOUND)
    assert world.status.serving is None
    world.claims["shards"] = claim("shards")
    world.to_ready()
    assert [name.split("-")[1] for name in world.created] == ["prepare", "shard", "prepare"]

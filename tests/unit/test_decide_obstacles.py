"""What keeps pods from running is named by its newest cause, and forgotten when that has passed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shardwright_operator.decide.observed import Warning
from shardwright_worker.contract.reasons import Reason
from tools.testing.imagined import Imagined, claim, pod


def _pending() -> tuple[Imagined, str]:
    world = Imagined()
    world.settle()
    (job,) = world.live()
    world.pods[job.name] = pod(job, world.now)
    return world, job.name


def test_a_volume_that_cannot_be_attached_is_pending() -> None:
    world, name = _pending()
    world.warnings = (Warning("Pod", name, "FailedAttachVolume", "Multi-Attach error", world.now),)
    world.settle()
    assert world.ready() == ("False", Reason.VOLUME_PENDING)
    assert "Multi-Attach" in world.message()


def test_a_claim_that_gets_no_volume_says_why() -> None:
    world, _ = _pending()
    world.claims["shards"] = replace(claim("shards"), phase="Pending")
    world.warnings = (Warning("PersistentVolumeClaim", "shards", "ProvisioningFailed", "no such class", world.now),)
    world.settle()
    assert world.ready() == ("False", Reason.VOLUME_PENDING)
    assert "no such class" in world.message()


@pytest.mark.parametrize("name", ["models", "shards"])
@pytest.mark.parametrize(
    ("reason", "normal"), [("ProvisioningFailed", False), ("FailedBinding", True), ("ExternalProvisioning", True)]
)
def test_both_claims_say_why_although_the_pod_only_says_that_it_waits(name: str, reason: str, normal: bool) -> None:
    world, job = _pending()
    world.pods[job] = replace(
        world.pods[job], unscheduled=("Unschedulable", "unbound immediate PersistentVolumeClaims")
    )
    world.claims[name] = replace(claim(name), phase="Pending")
    words = 'storageclass.storage.k8s.io "nowhere" not found'
    world.warnings = (Warning("PersistentVolumeClaim", name, reason, words, world.now, normal=normal),)
    world.settle()
    assert world.ready() == ("False", Reason.VOLUME_PENDING)
    assert words in world.message()


def test_a_claim_that_waits_for_its_pod_is_no_obstacle() -> None:
    world, _ = _pending()
    world.claims["shards"] = replace(claim("shards"), phase="Pending")
    event = ("PersistentVolumeClaim", "shards", "WaitForFirstConsumer", "waiting for first consumer", world.now)
    world.warnings = (Warning(*event, normal=True),)
    world.settle()
    assert world.ready() == ("Unknown", Reason.PROGRESSING)


@pytest.mark.parametrize("reason", ["FailedScheduling", "FailedMount"])
def test_a_warning_that_has_passed_is_no_obstacle(reason: str) -> None:
    world, name = _pending()
    world.warnings = (Warning("Pod", name, reason, "once", world.now),)
    world.later(600)
    world.settle()
    assert world.ready() == ("Unknown", Reason.PROGRESSING)


def test_a_warning_about_something_else_of_that_name_does_not_count() -> None:
    world, name = _pending()
    world.warnings = (Warning("Job", name, "FailedCreate", "exceeded quota", world.now),)
    world.settle()
    assert world.ready() == ("Unknown", Reason.PROGRESSING)


def test_a_job_that_gets_no_pod_goes_on_saying_so() -> None:
    world = Imagined()
    world.settle()
    (job,) = world.live()
    world.warnings = (Warning("Job", job.name, "FailedCreate", "exceeded quota", world.now),)
    world.later(3600)
    plan = world.settle()
    assert world.ready() == ("False", Reason.POD_NOT_CREATED)
    assert plan.requeue_after is not None


def test_a_job_that_the_api_server_refuses_is_tried_again() -> None:
    world = Imagined()
    world.step()
    assert world.status.job is not None
    world.warnings = (Warning("Job", world.status.job.name, "FailedCreate", "denied by policy", world.now),)
    plan = world.plan()
    assert plan.actions
    condition = plan.status.condition("Ready")
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", Reason.POD_NOT_CREATED)
    assert "denied by policy" in condition.message


def test_a_deadline_that_passed_while_the_pod_waited_says_what_it_waited_for() -> None:
    world, name = _pending()
    waits = ("Unschedulable", "0/1 nodes: insufficient nvidia.com/gpu")
    world.pods[name] = replace(world.pods[name], unscheduled=waits)
    world.settle()
    job = world.jobs[name]
    world.jobs[name] = replace(job, failed=("DeadlineExceeded", "too long"), finished_at=world.now)
    world.settle()
    assert world.status.last_failure is not None
    assert world.status.last_failure.reason == Reason.DEADLINE_EXCEEDED
    assert "insufficient nvidia.com/gpu" in world.status.last_failure.message


def test_an_obstacle_is_told_once_however_often_it_is_looked_at() -> None:
    world, name = _pending()
    world.pods[name] = replace(world.pods[name], waiting=("ImagePullBackOff", "no such image"))
    for _ in range(5):
        world.step()
        world.later(30)
    assert world.outcomes() == [("Warning", Reason.IMAGE_PULL_FAILED)]
    world.to_ready()
    assert world.outcomes()[-1] == ("Normal", Reason.SUCCEEDED)
    assert len(world.outcomes()) == 2

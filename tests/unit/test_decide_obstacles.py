"""What keeps pods from running is named by its newest cause, and forgotten when that has passed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shardwright_operator.decide.observed import Warning
from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import claim, pod


def _pending() -> tuple[FakeNamespace, str]:
    namespace = FakeNamespace()
    namespace.settle()
    (job,) = namespace.live_jobs()
    namespace.pods[job.name] = pod(job, namespace.now)
    return namespace, job.name


def test_a_volume_that_cannot_be_attached_is_pending() -> None:
    namespace, name = _pending()
    namespace.warnings = (Warning("Pod", name, "FailedAttachVolume", "Multi-Attach error", namespace.now),)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_PENDING)
    assert "Multi-Attach" in namespace.message()


def test_a_claim_that_gets_no_volume_says_why() -> None:
    namespace, _ = _pending()
    namespace.claims["shards"] = replace(claim("shards"), phase="Pending")
    namespace.warnings = (
        Warning("PersistentVolumeClaim", "shards", "ProvisioningFailed", "no such class", namespace.now),
    )
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_PENDING)
    assert "no such class" in namespace.message()


@pytest.mark.parametrize("name", ["models", "shards"])
@pytest.mark.parametrize(
    ("reason", "normal"), [("ProvisioningFailed", False), ("FailedBinding", True), ("ExternalProvisioning", True)]
)
def test_both_claims_say_why_although_the_pod_only_says_that_it_waits(name: str, reason: str, normal: bool) -> None:
    namespace, job = _pending()
    namespace.pods[job] = replace(
        namespace.pods[job], unscheduled=("Unschedulable", "unbound immediate PersistentVolumeClaims")
    )
    namespace.claims[name] = replace(claim(name), phase="Pending")
    words = 'storageclass.storage.k8s.io "nowhere" not found'
    namespace.warnings = (Warning("PersistentVolumeClaim", name, reason, words, namespace.now, normal=normal),)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_PENDING)
    assert words in namespace.message()


def test_a_claim_that_waits_for_its_pod_is_no_obstacle() -> None:
    namespace, _ = _pending()
    namespace.claims["shards"] = replace(claim("shards"), phase="Pending")
    event = ("PersistentVolumeClaim", "shards", "WaitForFirstConsumer", "waiting for first consumer", namespace.now)
    namespace.warnings = (Warning(*event, normal=True),)
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING)


@pytest.mark.parametrize("reason", ["FailedScheduling", "FailedMount"])
def test_a_warning_that_has_passed_is_no_obstacle(reason: str) -> None:
    namespace, name = _pending()
    namespace.warnings = (Warning("Pod", name, reason, "once", namespace.now),)
    namespace.advance(600)
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING)


def test_a_warning_about_something_else_of_that_name_does_not_count() -> None:
    namespace, name = _pending()
    namespace.warnings = (Warning("Job", name, "FailedCreate", "exceeded quota", namespace.now),)
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING)


def test_a_job_that_gets_no_pod_goes_on_saying_so() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    (job,) = namespace.live_jobs()
    namespace.warnings = (Warning("Job", job.name, "FailedCreate", "exceeded quota", namespace.now),)
    namespace.advance(3600)
    plan = namespace.settle()
    assert namespace.ready() == ("False", Reason.POD_NOT_CREATED)
    assert plan.requeue_after is not None


def test_a_job_that_the_api_server_refuses_is_tried_again() -> None:
    namespace = FakeNamespace()
    namespace.step()
    assert namespace.status.job is not None
    namespace.warnings = (Warning("Job", namespace.status.job.name, "FailedCreate", "denied by policy", namespace.now),)
    plan = namespace.plan()
    assert plan.actions
    condition = plan.status.condition("Ready")
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", Reason.POD_NOT_CREATED)
    assert "denied by policy" in condition.message


def test_a_deadline_that_passed_while_the_pod_waited_says_what_it_waited_for() -> None:
    namespace, name = _pending()
    waits = ("Unschedulable", "0/1 nodes: insufficient nvidia.com/gpu")
    namespace.pods[name] = replace(namespace.pods[name], unscheduled=waits)
    namespace.settle()
    job = namespace.jobs[name]
    namespace.jobs[name] = replace(job, failed=("DeadlineExceeded", "too long"), finished_at=namespace.now)
    namespace.settle()
    assert namespace.status.last_failure is not None
    assert namespace.status.last_failure.reason == Reason.DEADLINE_EXCEEDED
    assert "insufficient nvidia.com/gpu" in namespace.status.last_failure.message


def test_an_obstacle_is_told_once_however_often_it_is_looked_at() -> None:
    namespace, name = _pending()
    namespace.pods[name] = replace(namespace.pods[name], waiting=("ImagePullBackOff", "no such image"))
    for _ in range(5):
        namespace.step()
        namespace.advance(30)
    assert namespace.outcome_events() == [("Warning", Reason.IMAGE_PULL_FAILED)]
    namespace.run_to_ready()
    assert namespace.outcome_events()[-1] == ("Normal", Reason.SUCCEEDED)
    assert len(namespace.outcome_events()) == 2

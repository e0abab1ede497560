"""Why a Job is not running: the newest cause is shown, and forgotten once it is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shardwright_operator.decide.observed import ObservedEvent
from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import claim, pod


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
def test_a_pod_that_does_not_start_says_why(facts: dict[str, Any], reason: Reason) -> None:
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
def test_warnings_say_why_there_is_no_pod(kind: str) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    (job,) = namespace.live_jobs()
    if kind == "Pod":
        namespace.pods[job.name] = pod(job, namespace.now)
    namespace.warnings = (ObservedEvent(kind, job.name, "FailedCreate", "exceeded quota: gpus", namespace.now),)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.POD_NOT_CREATED)
    assert "exceeded quota" in namespace.message()


def test_the_newest_warning_counts_and_not_an_earlier_one_of_the_scheduler() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    (job,) = namespace.live_jobs()
    namespace.pods[job.name] = pod(job, namespace.now)
    past, later = namespace.now, namespace.now + timedelta(seconds=5)
    events = (
        ("FailedScheduling", "no node", past),
        ("FailedMount", "no volume", past),
        ("FailedMount", "no secret", later),
    )
    namespace.warnings = tuple(
        ObservedEvent("Pod", job.name, reason, message, time) for reason, message, time in events
    )
    namespace.settle()
    assert "no secret" in namespace.message()


def _pending() -> tuple[FakeNamespace, str]:
    namespace = FakeNamespace()
    namespace.settle()
    (job,) = namespace.live_jobs()
    namespace.pods[job.name] = pod(job, namespace.now)
    return namespace, job.name


def test_a_volume_that_cannot_be_attached_is_pending() -> None:
    namespace, name = _pending()
    namespace.warnings = (ObservedEvent("Pod", name, "FailedAttachVolume", "Multi-Attach error", namespace.now),)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_PENDING)
    assert "Multi-Attach" in namespace.message()


def test_a_claim_that_is_not_bound_says_why() -> None:
    namespace, _ = _pending()
    namespace.claims["shards"] = replace(claim("shards"), phase="Pending")
    namespace.warnings = (
        ObservedEvent("PersistentVolumeClaim", "shards", "ProvisioningFailed", "no such class", namespace.now),
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
    message = 'storageclass.storage.k8s.io "nowhere" not found'
    namespace.warnings = (ObservedEvent("PersistentVolumeClaim", name, reason, message, namespace.now, normal=normal),)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_PENDING)
    assert message in namespace.message()


def test_a_claim_that_waits_for_its_pod_is_not_shown() -> None:
    namespace, _ = _pending()
    namespace.claims["shards"] = replace(claim("shards"), phase="Pending")
    event = ("PersistentVolumeClaim", "shards", "WaitForFirstConsumer", "waiting for first consumer", namespace.now)
    namespace.warnings = (ObservedEvent(*event, normal=True),)
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING)


@pytest.mark.parametrize("reason", ["FailedScheduling", "FailedMount"])
def test_an_old_warning_is_not_shown(reason: str) -> None:
    namespace, name = _pending()
    namespace.warnings = (ObservedEvent("Pod", name, reason, "once", namespace.now),)
    namespace.advance(600)
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING)


def test_a_warning_about_another_kind_of_the_same_name_is_not_shown() -> None:
    namespace, name = _pending()
    namespace.warnings = (ObservedEvent("Job", name, "FailedCreate", "exceeded quota", namespace.now),)
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING)


def test_a_job_without_a_pod_keeps_saying_why() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    (job,) = namespace.live_jobs()
    namespace.warnings = (ObservedEvent("Job", job.name, "FailedCreate", "exceeded quota", namespace.now),)
    namespace.advance(3600)
    plan = namespace.settle()
    assert namespace.ready() == ("False", Reason.POD_NOT_CREATED)
    assert plan.requeue_after is not None


def test_a_pending_reason_has_one_event_however_often_it_is_observed() -> None:
    namespace, name = _pending()
    namespace.pods[name] = replace(namespace.pods[name], waiting=("ImagePullBackOff", "no such image"))
    for _ in range(5):
        namespace.step()
        namespace.advance(30)
    assert namespace.outcome_events() == [("Warning", Reason.IMAGE_PULL_FAILED)]
    namespace.run_to_ready()
    assert namespace.outcome_events()[-1] == ("Normal", Reason.SUCCEEDED)
    assert len(namespace.outcome_events()) == 2

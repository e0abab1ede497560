"""Removal of older artifacts: none that a pod mounts, and none before the mounts were read."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright_operator.decide.pruning import MOUNTS_INTERVAL, WINDOW
from shardwright_worker.contract.maintenance import MaintenanceReport
from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.namespaces import KEEP_ONE, OLDER, arguments, ready, value_of
from tools.testing.fake_namespace import FakeNamespace


def _with_an_older_one(**parts: Any) -> FakeNamespace:
    """A namespace in which a pod mounts an older artifact, and the pruning that spared it is done."""
    namespace = FakeNamespace(output=KEEP_ONE, **parts)
    namespace.worker.published.add(OLDER)
    namespace.users["shards"] = (f"models/llama/{OLDER}",)
    namespace.run_to_ready()
    assert namespace.worker.removed == []
    assert namespace.status.maintenance.last_pruned is not None
    assert namespace.status.maintenance.last_pruned.in_use == [OLDER]
    return namespace


def _check(namespace: FakeNamespace, how: str) -> None:
    if how == "recheck":
        namespace.advance(3601)
    else:
        namespace.requested_at = "now"
    namespace.settle()


@pytest.mark.parametrize("how", ["recheck", "request"])
def test_a_check_of_the_artifact_removes_nothing(how: str) -> None:
    namespace = _with_an_older_one(recheck={"interval": "1h"})
    _check(namespace, how)
    assert "--history-limit" not in arguments(namespace)
    namespace.succeed()
    namespace.settle()
    assert namespace.worker.removed == []


def test_an_artifact_in_use_is_removed_once_no_pod_mounts_it() -> None:
    namespace = _with_an_older_one()
    plan = namespace.settle()
    assert plan.requeue_after == MOUNTS_INTERVAL
    assert OLDER in str(namespace.status.maintenance.blocked_reason)
    namespace.users.clear()
    namespace.run_to_ready()
    assert namespace.worker.removed == [OLDER]
    assert namespace.settle().requeue_after is None
    assert namespace.status.maintenance.last_pruned is not None
    assert namespace.status.maintenance.last_pruned.in_use == []
    assert namespace.status.maintenance.blocked_reason is None


def test_a_waiting_pruning_job_is_replaced_when_a_pod_mounts_an_artifact_meanwhile() -> None:
    namespace = FakeNamespace(output=KEEP_ONE)
    namespace.worker.published.add(OLDER)
    for _ in range(2):
        namespace.settle()
        namespace.succeed()
    plan = namespace.settle()
    assert "--in-use" not in arguments(namespace)
    assert plan.requeue_after is not None
    assert plan.requeue_after <= 5
    namespace.users["shards"] = (f"models/llama/{OLDER}",)
    namespace.settle()
    assert OLDER in arguments(namespace)
    namespace.run_to_ready()
    assert namespace.worker.removed == []


@pytest.mark.parametrize("mounted", ["", ".", "models", "models/llama", "../models"])
def test_a_waiting_pruning_job_is_deleted_when_a_pod_mounts_more_than_an_artifact(mounted: str) -> None:
    namespace = FakeNamespace(output=KEEP_ONE)
    for _ in range(2):
        namespace.settle()
        namespace.succeed()
    namespace.settle()
    assert namespace.live_jobs()
    namespace.users["shards"] = (mounted,)
    namespace.settle()
    assert not namespace.live_jobs()
    assert namespace.ready()[0] == "True"


def test_a_pruning_job_that_starts_late_removes_nothing_and_is_tried_again_later() -> None:
    namespace = FakeNamespace(output=KEEP_ONE)
    namespace.worker.published.add(OLDER)
    for _ in range(2):
        namespace.settle()
        namespace.succeed()
    namespace.settle()
    namespace.advance(WINDOW.total_seconds() + 1)
    namespace.succeed()
    plan = namespace.settle()
    assert not namespace.live_jobs()
    assert namespace.worker.removed == []
    assert plan.requeue_after is not None
    namespace.advance(plan.requeue_after)
    namespace.run_to_ready()
    assert namespace.worker.removed == [OLDER]


def test_older_artifacts_are_pruned_after_a_new_one_but_not_those_in_use() -> None:
    namespace = FakeNamespace()
    namespace.edit(output={"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1})
    namespace.users["shards"] = ("models/llama/0123456789abcdef",)
    for _ in range(2):
        namespace.settle()
        namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    assert namespace.status.artifact is not None
    assert value_of(namespace, "--published") == namespace.status.artifact.key
    assert value_of(namespace, "--in-use") == "0123456789abcdef"
    namespace.succeed()
    namespace.settle()
    assert not namespace.live_jobs()
    assert namespace.status.maintenance.last_pruned is not None
    assert namespace.status.maintenance.last_pruned.artifact == namespace.status.artifact.key


def test_a_worker_that_reports_no_pruning_is_not_asked_again() -> None:
    namespace = FakeNamespace(output={"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1})
    answers: tuple[dict[str, Any], ...] = ({}, {}, {"maintenance": MaintenanceReport()})
    for changes in answers:
        namespace.settle()
        namespace.succeed(**changes)
    namespace.settle()
    assert not namespace.live_jobs()
    assert len(namespace.created) == 3


def test_artifacts_in_use_are_remembered_when_their_pruning_starts_late() -> None:
    namespace = FakeNamespace(output=KEEP_ONE)
    namespace.worker.published.add(OLDER)
    namespace.users["shards"] = (f"models/llama/{OLDER}",)
    namespace.run_to_ready()
    namespace.users.clear()
    namespace.settle()
    namespace.advance(121)
    namespace.succeed()
    plan = namespace.settle()
    assert plan.requeue_after is not None
    namespace.advance(plan.requeue_after + 1)
    namespace.run_to_ready()
    assert namespace.worker.removed == [OLDER]


@pytest.mark.parametrize("how", ["suspended", "failed"])
def test_a_pruning_that_does_not_run_is_not_polled_for(how: str) -> None:
    namespace = ready()
    namespace.edit(output=KEEP_ONE, suspend=how == "suspended")
    plan = namespace.settle()
    if how == "failed":
        namespace.fail(Reason.VOLUME_NOT_WRITABLE, "read-only")
        plan = namespace.settle()
    assert plan.requeue_after is None or plan.requeue_after >= 30

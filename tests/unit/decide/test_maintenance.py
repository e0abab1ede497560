"""Maintenance of a published artifact: damage, restoration, and a source that has changed."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright_worker.contract.maintenance import MaintenanceReport
from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.namespaces import HOURLY, HUB, arguments, created_stages, damaged, ready, stages


def test_nothing_is_checked_before_it_is_due_and_ready_stays_true_meanwhile() -> None:
    namespace = ready(recheck={**HOURLY, "rebuild": False})
    plan = namespace.settle()
    assert not namespace.live_jobs()
    assert plan.requeue_after is not None
    namespace.advance(3601)
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    assert stages(namespace) == ["prepare"]
    namespace.succeed()
    namespace.settle()
    assert not namespace.live_jobs()
    assert namespace.ready() == ("True", "Succeeded")


def test_a_damaged_artifact_is_not_ready_until_the_user_requests_it() -> None:
    namespace = ready(recheck={**HOURLY, "rebuild": False})
    namespace.advance(3601)
    namespace.settle()
    namespace.worker.published.clear()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert namespace.status.artifact is None
    assert not namespace.live_jobs()
    namespace.requested_at = "rebuild it"
    namespace.run_to_ready()


def test_a_damaged_artifact_is_rebuilt_if_the_spec_says_so() -> None:
    namespace = ready(recheck={**HOURLY, "rebuild": True})
    namespace.advance(3601)
    namespace.settle()
    namespace.worker.published.clear()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] != "True"
    namespace.run_to_ready()


def test_a_changed_source_is_reported_and_built_only_on_request() -> None:
    namespace = ready(recheck={**HOURLY, "rebuild": True})
    before = namespace.status.artifact
    namespace.worker.revision = "r2"
    namespace.advance(3601)
    namespace.settle()
    namespace.succeed()
    plan = namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)
    assert "requestedAt" in str(namespace.status.maintenance.source_changed)
    assert not namespace.live_jobs()
    assert plan.requeue_after == 3600
    namespace.requested_at = "take it"
    namespace.run_to_ready()
    assert namespace.status.artifact is not None
    assert before is not None
    assert namespace.status.artifact.key != before.key
    assert namespace.status.maintenance.source_changed is None


def test_a_damaged_artifact_that_is_restored_is_ready_after_the_next_check() -> None:
    namespace = ready(recheck={**HOURLY, "rebuild": False})
    namespace.advance(3601)
    namespace.settle()
    lost = set(namespace.worker.published)
    namespace.worker.published.clear()
    namespace.succeed(message="model-rank-0-part-0.safetensors is missing")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert "model-rank-0-part-0.safetensors is missing" in namespace.message()
    namespace.advance(3601)
    namespace.settle()
    namespace.succeed()
    plan = namespace.settle()  # still gone: nothing is built, and it is checked again
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert not namespace.live_jobs()
    assert plan.requeue_after is not None
    namespace.worker.published |= lost
    namespace.advance(plan.requeue_after + 1)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)
    assert "shard" not in created_stages(namespace)[2:]


def test_a_rebuild_that_is_allowed_after_the_damage_starts_with_the_next_check() -> None:
    namespace, _ = damaged()
    namespace.edit(recheck={"interval": "1h", "rebuild": True})
    namespace.settle()
    namespace.advance(3601)
    namespace.settle()
    namespace.succeed()
    namespace.run_to_ready()


def test_damage_is_found_although_the_source_has_changed() -> None:
    namespace = ready(recheck={"interval": "1h"})
    namespace.worker.revision = "r2"
    namespace.advance(3601)
    namespace.settle()
    assert "--published" in arguments(namespace)
    namespace.succeed(maintenance=MaintenanceReport(damage="part 0 is gone"))
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert namespace.status.serving is None
    assert not namespace.live_jobs()


@pytest.mark.parametrize(
    "edit",
    [
        {"source": {"huggingFace": {**HUB["huggingFace"], "tokenSecretRef": {"name": "new", "key": "token"}}}},
        {"source": {"huggingFace": {**HUB["huggingFace"], "revision": "r1"}}},
        {"output": {"persistentVolumeClaim": {"claimName": "shards"}, "maxFileSize": "5120Mi"}},
    ],
)
def test_an_edit_that_leads_to_the_same_artifact_notices_that_it_is_gone(edit: dict[str, Any]) -> None:
    namespace = ready(source=HUB)
    namespace.worker.published.clear()
    namespace.edit(**edit)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] != "True"
    assert (namespace.status.artifact, namespace.status.serving) == (None, None)
    assert stages(namespace) == ["shard"]
    namespace.run_to_ready()

"""However a look or a proof ends: nothing is called whole that is not, nothing is built unasked, and it ends."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shardwright_operator.api.maintenance_status import Maintenance
from shardwright_operator.kube.observed_resource import parse_status
from shardwright_worker.contract.maintenance import MaintenanceReport
from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace

KEEP: dict[str, Any] = {"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1}
OLD = "0123456789abcdef"
HUB = {"huggingFace": {"repo": "org/model"}}


def _arguments(namespace: FakeNamespace) -> list[str]:
    (job,) = namespace.live_jobs()
    return [str(one) for one in namespace.bodies[job.name]["spec"]["template"]["spec"]["containers"][0]["args"]]


def _damaged(source: dict[str, Any] | None = None, **recheck: Any) -> tuple[FakeNamespace, set[str]]:
    """A namespace whose artifact was found damaged, and what was published there."""
    namespace = FakeNamespace(recheck={"interval": "1h", **recheck}, **({"source": source} if source else {}))
    namespace.run_to_ready()
    namespace.advance(3601)
    namespace.settle()
    lost = set(namespace.worker.published)
    namespace.worker.published.clear()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    return namespace, lost


def _no_more_shard_jobs(namespace: FakeNamespace) -> bool:
    return not [name for name in namespace.created[2:] if "-shard-" in name]


def test_a_look_that_finds_something_else_in_its_place_takes_ready_away() -> None:
    namespace = FakeNamespace(recheck={"interval": "1h"})
    namespace.run_to_ready()
    namespace.advance(3601)
    namespace.settle()
    namespace.fail(Reason.ARTIFACT_DAMAGED, "it has no shardwright.json")
    plan = namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert namespace.status.serving is None
    assert not namespace.live_jobs()
    assert plan.requeue_after is not None
    namespace.advance(plan.requeue_after + 1)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] == "True"
    assert _no_more_shard_jobs(namespace)


@pytest.mark.parametrize(
    "reason",
    [
        Reason.DISRUPTED,
        Reason.SOURCE_UNAVAILABLE,
        Reason.VOLUME_UNAVAILABLE,
        Reason.SOURCE_NOT_FOUND,
        Reason.ARTIFACT_DAMAGED,
    ],
)
def test_a_failed_look_for_a_restored_artifact_builds_nothing(reason: Reason) -> None:
    namespace, lost = _damaged()
    namespace.advance(3601)
    namespace.settle()
    namespace.fail(reason)
    plan = namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    namespace.worker.published |= lost
    while not namespace.live_jobs():
        assert plan.requeue_after is not None
        namespace.advance(plan.requeue_after + 1)
        plan = namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] == "True"
    assert _no_more_shard_jobs(namespace)


@pytest.mark.parametrize("how", ["weaker", "vanished", "changed", "lost"])
def test_a_proof_that_never_comes_ends(how: str) -> None:
    namespace = FakeNamespace(verification="Digests")
    namespace.run_to_ready()
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


def test_looks_after_a_deep_one_are_deep() -> None:
    for ask in (
        lambda namespace: namespace.advance(3601),
        lambda namespace: setattr(namespace, "requested_at", "look"),
    ):
        namespace, _ = _damaged(deep=True)
        ask(namespace)
        namespace.settle()
        assert "--deep" in _arguments(namespace)


def test_a_look_for_a_restored_artifact_looks_at_the_source_that_it_was_made_from() -> None:
    namespace, _ = _damaged()
    namespace.advance(3601)
    namespace.settle()
    assert "--known-fingerprint" in _arguments(namespace)
    namespace, _ = _damaged(source=HUB)
    namespace.worker.revision = "r2"
    namespace.advance(3601)
    namespace.settle()
    arguments = _arguments(namespace)
    assert arguments[arguments.index("--revision") + 1] == "r1"


def test_a_build_beside_a_deep_recheck_takes_no_bytes_on_trust() -> None:
    namespace = FakeNamespace(recheck={"interval": "1h", "deep": True})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert "--deep" in _arguments(namespace)


def test_what_was_spared_is_remembered_when_its_pruning_starts_late() -> None:
    namespace = FakeNamespace(output=KEEP)
    namespace.worker.published.add(OLD)
    namespace.users["shards"] = (f"models/llama/{OLD}",)
    namespace.run_to_ready()
    namespace.users.clear()
    namespace.settle()
    namespace.advance(121)
    namespace.succeed()
    plan = namespace.settle()
    assert plan.requeue_after is not None
    namespace.advance(plan.requeue_after + 1)
    namespace.run_to_ready()
    assert namespace.worker.removed == [OLD]


def test_nothing_is_removed_while_a_pod_mounts_what_may_be_a_link() -> None:
    namespace = FakeNamespace(output=KEEP)
    namespace.worker.published.add(OLD)
    namespace.users["shards"] = ("models/llama/current",)
    namespace.run_to_ready()
    assert namespace.worker.removed == []
    assert namespace.status.maintenance.blocked_reason


@pytest.mark.parametrize("how", ["suspended", "failed"])
def test_nobody_polls_for_a_pruning_that_does_not_run(how: str) -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    namespace.edit(output=KEEP, suspend=how == "suspended")
    plan = namespace.settle()
    if how == "failed":
        namespace.fail(Reason.VOLUME_NOT_WRITABLE, "read-only")
        plan = namespace.settle()
    assert plan.requeue_after is None or plan.requeue_after >= 30


def test_a_rebuild_that_is_allowed_after_the_damage_comes_with_the_next_look() -> None:
    namespace, _ = _damaged()
    namespace.edit(recheck={"interval": "1h", "rebuild": True})
    namespace.settle()
    namespace.advance(3601)
    namespace.settle()
    namespace.succeed()
    namespace.run_to_ready()


def test_a_moved_source_stays_unready_while_it_fails() -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    namespace.requested_at, namespace.worker.revision = "look", "r2"
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] == "Unknown"
    namespace.worker.revision = "r3"
    namespace.fail(Reason.SOURCE_CHANGED)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.SOURCE_CHANGED)
    namespace.advance(60)
    namespace.run_to_ready()


def test_damage_is_found_although_the_source_has_changed() -> None:
    namespace = FakeNamespace(recheck={"interval": "1h"})
    namespace.run_to_ready()
    namespace.worker.revision = "r2"
    namespace.advance(3601)
    namespace.settle()
    assert "--published" in _arguments(namespace)
    namespace.succeed(maintenance=MaintenanceReport(damage="part 0 is gone"))
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert namespace.status.serving is None
    assert not namespace.live_jobs()


def test_a_disproven_artifact_is_not_offered_when_it_is_found_again() -> None:
    namespace = FakeNamespace(verification="Digests")
    namespace.run_to_ready()
    namespace.edit(verification="Load")
    namespace.settle()
    namespace.fail(Reason.VERIFICATION_FAILED, "rank 1 differs")
    namespace.settle()
    namespace.requested_at = "look"
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.status.serving is None


def test_times_that_nobody_can_reckon_with_raise_nothing() -> None:
    namespace = FakeNamespace(recheck={"interval": "1h"})
    namespace.run_to_ready()
    wire = namespace.status.to_wire()
    wire["artifact"]["checkedAt"] = "9999-12-31t23:59:59z"
    namespace.status = parse_status(json.dumps(wire).encode())
    namespace.settle()
    namespace = FakeNamespace(output=KEEP)
    namespace.run_to_ready()
    skipped = Maintenance(prune_skipped_at=datetime.max.replace(tzinfo=UTC))
    namespace.status = namespace.status.model_copy(update={"maintenance": skipped})
    namespace.settle()

"""Nothing in status claims more than is known: of claims, sources, reports that do not fit, and suspended resources."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shardwright_operator.api.status import Condition, Status
from shardwright_worker.contract.reasons import Reason
from tools.testing.imagined import Imagined, claim


def _ready() -> Imagined:
    world = Imagined()
    world.to_ready()
    return world


def _condition(world: Imagined, kind: str) -> Condition:
    found = world.status.condition(kind)
    assert found is not None
    return found


@pytest.mark.parametrize("facts", [{"phase": "Lost"}, {"deleting": True}])
def test_an_artifact_on_a_claim_that_goes_away_is_not_ready(facts: dict[str, Any]) -> None:
    world = _ready()
    world.claims["shards"] = replace(claim("shards"), **facts)
    world.settle()
    assert world.ready() == ("False", Reason.VOLUME_NOT_FOUND)


def test_an_artifact_goes_with_its_claim() -> None:
    world = _ready()
    world.claims["shards"] = None
    world.settle()
    assert "stays published" not in world.message()
    world.claims["shards"] = claim("shards", uid="another")
    world.settle()
    assert (world.status.artifact, world.status.serving) == (None, None)


def test_a_published_artifact_needs_its_source_no_more() -> None:
    world = _ready()
    world.claims["models"] = None
    plan = world.settle()
    assert world.ready() == ("True", Reason.SUCCEEDED)
    assert plan.requeue_after is None


@pytest.mark.parametrize("stage", ["Prepare", "Shard"])
def test_a_success_that_names_something_else_is_none(stage: str) -> None:
    world = Imagined(job={"maxAttempts": 2})
    world.settle()
    if stage == "Shard":
        world.succeed()
        world.settle()
    for _ in range(2):
        world.succeed(key="another", artifact=None, source=None)
        world.settle()
        world.later(1000)
        world.settle()
    assert world.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert "WorkerProtocolError" in world.message()


def test_a_shard_job_that_was_published_unseen_is_found_without_another() -> None:
    world = Imagined()
    world.settle()
    world.succeed()
    world.settle()
    world.succeed()
    world.jobs.clear()
    world.pods.clear()  # the TTL has removed both while no operator was there
    plan = world.settle()
    world.later(plan.requeue_after or 0)
    world.to_ready()
    assert [name.split("-")[1] for name in world.created] == ["prepare", "shard", "prepare"]


def test_a_shard_job_whose_report_is_lost_is_looked_for_on_the_volume() -> None:
    world = Imagined()
    world.settle()
    world.succeed()
    world.settle()
    world.succeed()
    world.pods.clear()
    plan = world.settle()
    world.later(plan.requeue_after or 0)
    world.to_ready()
    assert [name.split("-")[1] for name in world.created] == ["prepare", "shard", "prepare"]


def test_lost_reports_are_counted_although_prepare_goes_well_in_between() -> None:
    world = Imagined(job={"maxAttempts": 2})
    shards = 0
    for _ in range(20):
        plan = world.settle()
        if plan.requeue_after:
            world.later(plan.requeue_after)
            world.settle()
        if not world.live():
            break
        world.succeed()
        if "-shard-" in world.created[-1]:
            shards += 1
            world.published.clear()
            world.pods.clear()
    assert shards == 2
    assert world.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)


def test_failures_of_prepare_do_not_use_up_the_attempts_of_shard() -> None:
    world = Imagined(job={"maxAttempts": 2})
    world.settle()
    world.fail(Reason.TRANSFER_FAILED)
    world.settle()
    world.later(1000)
    world.settle()
    world.succeed()
    world.settle()
    world.fail(Reason.COMMUNICATION_FAILED)
    world.settle()
    world.later(1000)
    world.settle()
    assert world.ready()[0] == "Unknown"
    world.to_ready()


def test_a_suspended_resource_does_not_claim_to_be_ready_for_a_changed_spec() -> None:
    world = _ready()
    world.edit(suspend=True, engine={"tensorParallelSize": 4})
    world.settle()
    assert world.ready() == ("Unknown", Reason.SUSPENDED)
    assert "stays published" in world.message()
    assert _condition(world, "Verified").status != "True"
    assert world.status.condition("Reconciling") is None


def test_a_suspended_resource_that_is_published_stays_ready() -> None:
    world = _ready()
    world.edit(suspend=True)
    world.settle()
    assert world.ready() == ("True", Reason.SUCCEEDED)


def test_a_suspended_resource_keeps_what_it_said_of_its_last_failure() -> None:
    world = Imagined()
    world.settle()
    world.fail(Reason.TRANSFER_FAILED)
    world.edit(suspend=True)
    plan = world.settle()
    assert world.ready() == ("False", Reason.TRANSFER_FAILED)
    assert _condition(world, "SourceReady").status == "False"
    assert world.status.condition("Reconciling") is None
    assert plan.requeue_after is None


def test_a_suspended_resource_without_its_claim_says_so_and_works_on_nothing() -> None:
    world = Imagined(suspend=True)
    world.claims["shards"] = None
    world.settle()
    assert world.ready() == ("False", Reason.VOLUME_NOT_FOUND)
    assert world.status.condition("Reconciling") is None


def test_a_suspended_resource_is_not_let_go_by_its_queue() -> None:
    world = Imagined(job={"queueName": "gpus"})
    world.settle()
    world.succeed()
    world.settle()
    world.edit(suspend=True)
    world.settle()
    assert not world.live()
    world.edit(suspend=False)
    world.settle()
    assert world.ready() == ("Unknown", Reason.QUEUED)


def test_a_request_does_not_stop_a_job_that_runs() -> None:
    world = Imagined()
    world.settle()
    world.succeed()
    world.settle()
    running = world.running()
    world.requested_at = "now"
    world.settle()
    assert world.live() == [running]
    assert world.status.last_handled_reconcile_at is None
    world.succeed()
    world.settle()
    assert world.ready() == ("True", Reason.SUCCEEDED)
    (job,) = world.live()
    assert "-prepare-" in job.name
    assert world.status.last_handled_reconcile_at == "now"


def test_a_request_is_not_handled_while_it_is_suspended() -> None:
    world = _ready()
    world.edit(suspend=True)
    world.requested_at = "now"
    world.settle()
    assert world.status.last_handled_reconcile_at is None
    world.edit(suspend=False)
    world.to_ready()
    assert world.status.last_handled_reconcile_at == "now"


def test_a_moved_branch_is_not_ready_until_it_is_built() -> None:
    world = _ready()
    world.requested_at = "now"
    world.revision = "r2"
    world.settle()
    world.succeed()
    world.settle()
    assert world.ready() == ("Unknown", Reason.PROGRESSING)
    assert "stays published" in world.message()


def test_the_source_is_not_called_ready_for_other_inputs() -> None:
    world = Imagined()
    world.settle()
    world.succeed()
    world.settle()
    assert _condition(world, "SourceReady").status == "True"
    world.edit(source={"persistentVolumeClaim": {"claimName": "models", "path": "other"}})
    world.settle()
    world.fail(Reason.OUT_OF_MEMORY)
    world.settle()
    assert _condition(world, "SourceReady").status == "Unknown"


def test_digests_prove_bytes_and_no_load() -> None:
    world = Imagined(verification="Digests")
    world.verified_by = "Digests"
    world.to_ready()
    verified = _condition(world, "Verified")
    assert verified.status == "Unknown"
    assert "Digests" in verified.message


def test_a_claim_that_is_being_created_is_work_and_no_failure() -> None:
    output = {"persistentVolumeClaim": {"claimName": "new", "create": {"size": "5Gi"}}}
    world = Imagined(output=output)
    plan = world.step()
    assert plan.actions
    assert world.ready() == ("Unknown", Reason.PROGRESSING)
    assert not world.outcomes()


def test_status_of_another_version_is_understood() -> None:
    world = _ready()
    wire = world.status.to_wire()
    wire["artifact"].pop("checkedAt")
    wire["novelty"] = {"of": "tomorrow"}
    wire["conditions"].append({**wire["conditions"][0], "type": "Novel", "reason": "Unheard"})
    world.status = Status.model_validate(wire)
    world.settle()
    assert world.ready() == ("True", Reason.SUCCEEDED)
    assert len(world.created) == 2

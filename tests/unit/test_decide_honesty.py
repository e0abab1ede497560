"""Nothing in status claims more than is known: of claims, sources, reports that do not fit, and suspended resources."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shardwright_operator.api.status import Condition, Status
from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import claim


def _ready() -> FakeNamespace:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    return namespace


def _condition(namespace: FakeNamespace, kind: str) -> Condition:
    found = namespace.status.condition(kind)
    assert found is not None
    return found


@pytest.mark.parametrize("facts", [{"phase": "Lost"}, {"deleting": True}])
def test_an_artifact_on_a_claim_that_goes_away_is_not_ready(facts: dict[str, Any]) -> None:
    namespace = _ready()
    namespace.claims["shards"] = replace(claim("shards"), **facts)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_NOT_FOUND)


def test_an_artifact_goes_with_its_claim() -> None:
    namespace = _ready()
    namespace.claims["shards"] = None
    namespace.settle()
    assert "stays published" not in namespace.message()
    namespace.claims["shards"] = claim("shards", uid="another")
    namespace.settle()
    assert (namespace.status.artifact, namespace.status.serving) == (None, None)


def test_a_published_artifact_needs_its_source_no_more() -> None:
    namespace = _ready()
    namespace.claims["models"] = None
    plan = namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)
    assert plan.requeue_after is None


@pytest.mark.parametrize("stage", ["Prepare", "Shard"])
def test_a_success_that_names_something_else_is_none(stage: str) -> None:
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


def test_a_shard_job_that_was_published_unseen_is_found_without_another() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.succeed()
    namespace.jobs.clear()
    namespace.pods.clear()  # the TTL has removed both while no operator was there
    plan = namespace.settle()
    namespace.advance(plan.requeue_after or 0)
    namespace.run_to_ready()
    assert [name.split("-")[1] for name in namespace.created] == ["prepare", "shard", "prepare"]


def test_a_shard_job_whose_report_is_lost_is_looked_for_on_the_volume() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.succeed()
    namespace.pods.clear()
    plan = namespace.settle()
    namespace.advance(plan.requeue_after or 0)
    namespace.run_to_ready()
    assert [name.split("-")[1] for name in namespace.created] == ["prepare", "shard", "prepare"]


def test_lost_reports_are_counted_although_prepare_goes_well_in_between() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 2})
    shards = 0
    for _ in range(20):
        plan = namespace.settle()
        if plan.requeue_after:
            namespace.advance(plan.requeue_after)
            namespace.settle()
        if not namespace.live_jobs():
            break
        namespace.succeed()
        if "-shard-" in namespace.created[-1]:
            shards += 1
            namespace.worker.published.clear()
            namespace.pods.clear()
    assert shards == 2
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)


def test_failures_of_prepare_do_not_use_up_the_attempts_of_shard() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 2})
    namespace.settle()
    namespace.fail(Reason.TRANSFER_FAILED)
    namespace.settle()
    namespace.advance(1000)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.fail(Reason.COMMUNICATION_FAILED)
    namespace.settle()
    namespace.advance(1000)
    namespace.settle()
    assert namespace.ready()[0] == "Unknown"
    namespace.run_to_ready()


def test_a_suspended_resource_does_not_claim_to_be_ready_for_a_changed_spec() -> None:
    namespace = _ready()
    namespace.edit(suspend=True, engine={"tensorParallelSize": 4})
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.SUSPENDED)
    assert "stays published" in namespace.message()
    assert _condition(namespace, "Verified").status != "True"
    assert namespace.status.condition("Reconciling") is None


def test_a_suspended_resource_that_is_published_stays_ready() -> None:
    namespace = _ready()
    namespace.edit(suspend=True)
    namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)


def test_a_suspended_resource_keeps_what_it_said_of_its_last_failure() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.fail(Reason.TRANSFER_FAILED)
    namespace.edit(suspend=True)
    plan = namespace.settle()
    assert namespace.ready() == ("False", Reason.TRANSFER_FAILED)
    assert _condition(namespace, "SourceReady").status == "False"
    assert namespace.status.condition("Reconciling") is None
    assert plan.requeue_after is None


def test_a_suspended_resource_without_its_claim_says_so_and_works_on_nothing() -> None:
    namespace = FakeNamespace(suspend=True)
    namespace.claims["shards"] = None
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_NOT_FOUND)
    assert namespace.status.condition("Reconciling") is None


def test_a_suspended_resource_is_not_let_go_by_its_queue() -> None:
    namespace = FakeNamespace(job={"queueName": "gpus"})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.edit(suspend=True)
    namespace.settle()
    assert not namespace.live_jobs()
    namespace.edit(suspend=False)
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.QUEUED)


def test_a_request_does_not_stop_a_job_that_runs() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    running = namespace.start_job()
    namespace.requested_at = "now"
    namespace.settle()
    assert namespace.live_jobs() == [running]
    assert namespace.status.last_handled_reconcile_at is None
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)
    (job,) = namespace.live_jobs()
    assert "-prepare-" in job.name
    assert namespace.status.last_handled_reconcile_at == "now"


def test_a_request_is_not_handled_while_it_is_suspended() -> None:
    namespace = _ready()
    namespace.edit(suspend=True)
    namespace.requested_at = "now"
    namespace.settle()
    assert namespace.status.last_handled_reconcile_at is None
    namespace.edit(suspend=False)
    namespace.run_to_ready()
    assert namespace.status.last_handled_reconcile_at == "now"


def test_a_moved_branch_is_not_ready_until_it_is_built() -> None:
    namespace = _ready()
    namespace.requested_at = "now"
    namespace.worker.revision = "r2"
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING)
    assert "stays published" in namespace.message()


def test_the_source_is_not_called_ready_for_other_inputs() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert _condition(namespace, "SourceReady").status == "True"
    namespace.edit(source={"persistentVolumeClaim": {"claimName": "models", "path": "other"}})
    namespace.settle()
    namespace.fail(Reason.OUT_OF_MEMORY)
    namespace.settle()
    assert _condition(namespace, "SourceReady").status == "Unknown"


def test_digests_prove_bytes_and_no_load() -> None:
    namespace = FakeNamespace(verification="Digests")
    namespace.worker.verified_by = "Digests"
    namespace.run_to_ready()
    verified = _condition(namespace, "Verified")
    assert verified.status == "Unknown"
    assert "Digests" in verified.message


def test_a_claim_that_is_being_created_is_work_and_no_failure() -> None:
    output = {"persistentVolumeClaim": {"claimName": "new", "create": {"size": "5Gi"}}}
    namespace = FakeNamespace(output=output)
    plan = namespace.step()
    assert plan.actions
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING)
    assert not namespace.outcome_events()


def test_status_of_another_version_is_understood() -> None:
    namespace = _ready()
    wire = namespace.status.to_wire()
    wire["artifact"].pop("checkedAt")
    wire["novelty"] = {"of": "tomorrow"}
    wire["conditions"].append({**wire["conditions"][0], "type": "Novel", "reason": "Unheard"})
    namespace.status = Status.model_validate(wire)
    namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)
    assert len(namespace.created) == 2

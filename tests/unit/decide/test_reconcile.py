"""The way from a spec to Ready, and what a lost status, a change of the spec or another operator does to it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shardwright_operator.api.maintenance_status import Maintenance
from shardwright_operator.api.status import Status
from shardwright_operator.kube.observed_resource import parse_status
from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.namespaces import KEEP_ONE, created_stages, ready, stages
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import claim


def test_two_jobs_lead_to_ready() -> None:
    namespace = ready()
    stages = [namespace.bodies[name]["metadata"]["labels"]["shardwright.io/stage"] for name in namespace.created]
    assert stages == ["prepare", "shard"]
    assert namespace.status.artifact is not None
    assert namespace.status.serving is not None
    assert namespace.status.serving.args[:4] == [
        "--model",
        f"/models/{namespace.status.artifact.path}",
        "--load-format",
        "sharded_state",
    ]
    assert namespace.outcome_events() == [("Normal", "Succeeded")]


def test_a_lost_status_is_restored_without_a_shard_job() -> None:
    namespace = ready()
    before = namespace.status
    namespace.status = Status()
    namespace.run_to_ready()
    assert created_stages(namespace) == ["prepare", "shard", "prepare"]
    assert namespace.status.artifact is not None
    assert before.artifact is not None
    assert namespace.status.artifact.key == before.artifact.key
    assert namespace.status.attempt > before.attempt


def test_a_job_on_a_replaced_claim_does_not_lead_to_ready() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.claims["shards"] = claim("shards", uid="another")
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] != "True"


def test_a_changed_engine_builds_beside_the_old_artifact() -> None:
    namespace = ready()
    old = namespace.status.artifact
    namespace.edit(engine={"tensorParallelSize": 4})
    namespace.settle()
    assert namespace.status.artifact == old
    assert namespace.ready() == ("Unknown", "Progressing")
    assert "stays published" in namespace.message()
    namespace.run_to_ready()
    assert namespace.status.artifact is not None
    assert old is not None
    assert namespace.status.artifact.key != old.key


def test_the_old_artifact_is_named_while_the_new_one_fails() -> None:
    namespace = ready()
    namespace.edit(engine={"tensorParallelSize": 3})
    namespace.settle()
    namespace.fail(Reason.INVALID_ENGINE_ARGUMENTS, "heads must be divisible by 3")
    namespace.settle()
    assert namespace.ready() == ("False", "InvalidEngineArguments")
    assert "stays published" in namespace.message()
    namespace.edit(engine={"tensorParallelSize": 2})
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")


@pytest.mark.parametrize("part", [{"verification": "Digests"}, {"job": {"maxAttempts": 7, "deadline": "3h"}}])
def test_a_change_that_does_not_decide_bytes_rebuilds_nothing(part: dict[str, object]) -> None:
    namespace = ready()
    namespace.edit(**part)
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    assert len(namespace.created) == 2


def test_a_newer_operator_rebuilds_nothing() -> None:
    namespace = ready()
    namespace.config = replace(namespace.config, engine_image="engine:2", prepare_image="prepare:2")
    namespace.settle()
    assert len(namespace.created) == 2
    assert namespace.ready() == ("True", "Succeeded")


def test_a_request_on_a_ready_resource_resolves_the_source_again() -> None:
    namespace = ready()
    namespace.requested_at = "now"
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    assert stages(namespace) == ["prepare"]
    namespace.worker.revision = "r2"
    namespace.succeed()
    namespace.settle()
    assert stages(namespace) == ["shard"]
    namespace.run_to_ready()
    assert namespace.status.last_handled_reconcile_at == "now"


def test_a_moved_branch_is_not_ready_until_it_is_built() -> None:
    namespace = ready()
    namespace.requested_at = "now"
    namespace.worker.revision = "r2"
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING)
    assert "stays published" in namespace.message()


def test_a_status_of_another_version_is_read() -> None:
    namespace = ready()
    wire = namespace.status.to_wire()
    wire["artifact"].pop("checkedAt")
    wire["novelty"] = {"of": "tomorrow"}
    wire["conditions"].append({**wire["conditions"][0], "type": "Novel", "reason": "Unknown"})
    namespace.status = Status.model_validate(wire)
    namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)
    assert len(namespace.created) == 2


def test_a_moved_source_stays_unready_while_it_fails() -> None:
    namespace = ready()
    namespace.requested_at, namespace.worker.revision = "now", "r2"
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


def test_times_out_of_range_raise_nothing() -> None:
    namespace = ready(recheck={"interval": "1h"})
    wire = namespace.status.to_wire()
    wire["artifact"]["checkedAt"] = "9999-12-31t23:59:59z"
    namespace.status = parse_status(json.dumps(wire).encode())
    namespace.settle()
    namespace = ready(output=KEEP_ONE)
    skipped = Maintenance(prune_skipped_at=datetime.max.replace(tzinfo=UTC))
    namespace.status = namespace.status.model_copy(update={"maintenance": skipped})
    namespace.settle()

"""The claims of output and source: missing, not usable, replaced, enlarged, or being deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.namespaces import condition, created_stages, ready, state
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import claim


def test_a_claim_that_was_replaced_is_another_claim() -> None:
    namespace = ready()
    namespace.claims["shards"] = claim("shards", uid="another")
    namespace.worker.published.clear()
    namespace.settle()
    assert namespace.ready() == ("Unknown", "Progressing")
    namespace.run_to_ready()
    assert namespace.status.artifact is not None
    assert namespace.status.artifact.claim_uid == "another"


def test_a_claim_is_created_where_the_spec_asks_for_it() -> None:
    create = {"size": "5Gi", "storageClassName": "fast"}
    namespace = ready(output={"persistentVolumeClaim": {"claimName": "new", "create": create}})
    assert namespace.claims["new"] is not None


@pytest.mark.parametrize("name", ["models", "shards"])
def test_a_missing_claim_is_waited_for(name: str) -> None:
    namespace = FakeNamespace()
    namespace.claims[name] = None
    plan = namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_NOT_FOUND)
    assert name in namespace.message()
    assert plan.requeue_after is not None
    namespace.claims[name] = claim(name)
    namespace.run_to_ready()


def test_a_claim_that_is_not_writable_stalls() -> None:
    namespace = FakeNamespace()
    namespace.claims["shards"] = replace(claim("shards"), access_modes=("ReadOnlyMany",))
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ACCESS_MODE_UNSUPPORTED)
    assert namespace.status.condition("Stalled") is not None


def test_a_resource_without_its_claim_is_not_ready() -> None:
    namespace = ready()
    namespace.claims["shards"] = None
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_NOT_FOUND)
    assert namespace.status.serving is None
    namespace.claims["shards"] = claim("shards")
    namespace.run_to_ready()
    assert created_stages(namespace) == ["prepare", "shard", "prepare"]


@pytest.mark.parametrize("facts", [{"phase": "Lost"}, {"deleting": True}])
def test_an_artifact_on_a_claim_that_is_deleted_or_lost_is_not_ready(facts: dict[str, Any]) -> None:
    namespace = ready()
    namespace.claims["shards"] = replace(claim("shards"), **facts)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_NOT_FOUND)


def test_an_artifact_is_forgotten_with_its_claim() -> None:
    namespace = ready()
    namespace.claims["shards"] = None
    namespace.settle()
    assert "stays published" not in namespace.message()
    namespace.claims["shards"] = claim("shards", uid="another")
    namespace.settle()
    assert (namespace.status.artifact, namespace.status.serving) == (None, None)


def test_a_suspended_resource_without_its_claim_says_so() -> None:
    namespace = FakeNamespace(suspend=True)
    namespace.claims["shards"] = None
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_NOT_FOUND)
    assert namespace.status.condition("Reconciling") is None


def test_a_claim_that_is_being_created_is_not_a_failure() -> None:
    output = {"persistentVolumeClaim": {"claimName": "new", "create": {"size": "5Gi"}}}
    namespace = FakeNamespace(output=output)
    plan = namespace.step()
    assert plan.actions
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING)
    assert not namespace.outcome_events()


def test_a_missing_source_claim_is_not_shown_as_the_output_claim() -> None:
    namespace = FakeNamespace()
    namespace.claims["models"] = None
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VOLUME_NOT_FOUND)
    assert state(namespace, "SourceReady") == ("False", Reason.VOLUME_NOT_FOUND)
    assert condition(namespace, "VolumeReady").status != "False"


def test_a_suspended_resource_creates_no_claim() -> None:
    output = {"persistentVolumeClaim": {"claimName": "new", "create": {"size": "1Gi"}}}
    namespace = FakeNamespace(suspend=True, output=output)
    namespace.settle()
    assert "new" not in namespace.claims
    assert namespace.ready() == ("Unknown", Reason.SUSPENDED)


def test_an_enlarged_claim_resets_insufficient_space() -> None:
    namespace = FakeNamespace()
    namespace.claims["shards"] = claim("shards", capacity=10)
    namespace.settle()
    namespace.fail(Reason.INSUFFICIENT_SPACE, "needs 20 bytes, has 10")
    namespace.settle()
    assert namespace.status.condition("Stalled") is not None
    namespace.claims["shards"] = claim("shards", capacity=30)
    namespace.run_to_ready()

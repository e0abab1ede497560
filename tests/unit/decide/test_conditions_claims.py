"""What VolumeReady and SourceReady say of usable claims: with which resource they are deleted."""

from __future__ import annotations

import pytest

from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.namespaces import condition
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import claim


@pytest.mark.parametrize("create", [{"size": "1Gi", "whenDeleted": "Retain"}, None])
def test_a_claim_that_is_deleted_although_the_spec_says_retain_is_reported(create: dict[str, str] | None) -> None:
    given = {"claimName": "shards"} | ({"create": create} if create else {})
    namespace = FakeNamespace(output={"persistentVolumeClaim": given})
    namespace.claims["shards"] = claim("shards", owners=(("llama", "uid-1"),))
    namespace.run_to_ready()
    assert "is deleted together with this resource" in condition(namespace, "VolumeReady").message


def test_a_source_claim_that_another_resource_owns_is_reported() -> None:
    namespace = FakeNamespace()
    namespace.claims["models"] = claim("models", owners=(("other", "uid-9"),))
    namespace.run_to_ready()
    assert "models is deleted together with the ShardedCheckpoint other" in condition(namespace, "SourceReady").message
    namespace.claims["models"] = claim("models")
    namespace.settle()
    assert "deleted" not in condition(namespace, "SourceReady").message


def test_the_source_is_not_ready_for_other_inputs() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert condition(namespace, "SourceReady").status == "True"
    namespace.edit(source={"persistentVolumeClaim": {"claimName": "models", "path": "other"}})
    namespace.settle()
    namespace.fail(Reason.OUT_OF_MEMORY)
    namespace.settle()
    assert condition(namespace, "SourceReady").status == "Unknown"


def test_digests_prove_bytes_and_not_that_they_load() -> None:
    namespace = FakeNamespace(verification="Digests")
    namespace.worker.verified_by = "Digests"
    namespace.run_to_ready()
    verified = condition(namespace, "Verified")
    assert verified.status == "Unknown"
    assert "Digests" in verified.message

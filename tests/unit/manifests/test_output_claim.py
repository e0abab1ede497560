"""The output claim that the operator creates."""

from __future__ import annotations

import pytest

from shardwright_operator.api.spec import ClaimTemplate
from shardwright_operator.decide.plan import CreateClaim
from shardwright_operator.manifests.output_claim import build_claim


@pytest.mark.parametrize("owned", [False, True])
def test_a_created_claim_outlives_its_resource_unless_it_is_owned(owned: bool) -> None:
    template = ClaimTemplate(size="40Gi", storage_class_name="fast", access_modes=["ReadWriteMany"])
    claim = build_claim(CreateClaim("models", "llama", "uid-1", "new", template, owned))
    assert ("ownerReferences" in claim["metadata"]) is owned
    assert claim["metadata"]["labels"]["shardwright.io/checkpoint-uid"] == "uid-1"
    assert claim["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "40Gi"}},
        "storageClassName": "fast",
    }


def test_a_claim_without_a_class_has_the_cluster_default() -> None:
    claim = build_claim(CreateClaim("models", "llama", "uid-1", "new", ClaimTemplate(size="1Gi"), owned=False))
    assert "storageClassName" not in claim["spec"]

"""The output claim, where the spec asks the operator to create it."""

from typing import Any

from shardwright_operator.decide.plan import CreateClaim
from shardwright_operator.manifests.ownership import labels_of, owner_of


def build_claim(claim: CreateClaim) -> dict[str, Any]:
    """Return the PersistentVolumeClaim. Without an owner it outlives its resource."""
    metadata: dict[str, Any] = {
        "name": claim.name,
        "namespace": claim.namespace,
        "labels": labels_of(claim.resource, claim.uid),
    }
    if claim.owned:
        metadata["ownerReferences"] = [owner_of(claim.resource, claim.uid)]
    volume: dict[str, Any] = {
        "accessModes": list(claim.template.access_modes),
        "resources": {"requests": {"storage": claim.template.size}},
    }
    if claim.template.storage_class_name:
        volume["storageClassName"] = claim.template.storage_class_name
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": volume}

"""The output claim, where the spec asks the operator to create it."""

from typing import Any

from shardwright_operator.api.spec import Spec
from shardwright_operator.manifests.labels import labels_of, owner_of


def build_claim(namespace: str, resource: str, uid: str, spec: Spec, shared: bool = False) -> dict[str, Any]:
    """The PersistentVolumeClaim. It outlives its resource unless `whenDeleted` is Delete and nobody `shared` it."""
    claim = spec.output.persistent_volume_claim
    assert claim.create is not None
    metadata: dict[str, Any] = {"name": claim.claim_name, "namespace": namespace, "labels": labels_of(resource, uid)}
    if claim.create.when_deleted == "Delete" and not shared:
        metadata["ownerReferences"] = [owner_of(resource, uid)]
    volume: dict[str, Any] = {
        "accessModes": list(claim.create.access_modes),
        "resources": {"requests": {"storage": claim.create.size}},
    }
    if claim.create.storage_class_name:
        volume["storageClassName"] = claim.create.storage_class_name
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": volume}

"""Raw objects as the API server returns them."""

from __future__ import annotations

from typing import Any

from tools.testing.checkpoints import manifest

UID = "11111111-1111-1111-1111-111111111111"


def controlled_by(
    kind: str, uid: str, name: str = "", group: str = "", controller: bool = True
) -> list[dict[str, Any]]:
    """Owner references as Kubernetes writes them."""
    groups = {"ShardedCheckpoint": "shardwright.io/v1alpha1", "Job": "batch/v1"}
    version = group or groups[kind]
    return [{"apiVersion": version, "kind": kind, "name": name or uid, "uid": uid, "controller": controller}]


def resource(name: str = "model", version: int = 10, uid: str = UID, **spec: Any) -> dict[str, Any]:
    body = manifest(name, **spec)
    body["metadata"] |= {"namespace": "default", "uid": uid, "resourceVersion": str(version), "generation": 1}
    body["status"] = {"observedGeneration": -1}
    return body


def job(name: str = "model-prepare-1", version: int = 20, owner: str = UID, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-of-{name}",
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"shardwright.io/checkpoint-uid": owner, "other": "label"},
            "ownerReferences": controlled_by("ShardedCheckpoint", owner),
            "managedFields": [{"manager": "another"}],
        },
        "spec": {"template": {"spec": {"containers": [{"name": "worker"}]}}},
        "status": status,
    }


def pod(
    name: str = "model-prepare-1-x",
    version: int = 30,
    owner: str = UID,
    job: str = "uid-of-model-prepare-1",
    **status: Any,
) -> dict[str, Any]:
    labels = {"shardwright.io/checkpoint-uid": owner, "batch.kubernetes.io/job-name": "model-prepare-1"}
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-of-{name}",
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": labels,
            "ownerReferences": controlled_by("Job", job, "model-prepare-1"),
        },
        "spec": {"containers": [{"name": "worker"}]},
        "status": {"phase": "Pending", **status},
    }


def claim(name: str = "shards", version: int = 40, **labels: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-of-{name}",
            "resourceVersion": str(version),
            "labels": labels,
        },
        "spec": {"accessModes": ["ReadWriteMany"]},
        "status": {"phase": "Bound", "accessModes": ["ReadWriteMany"], "capacity": {"storage": "40Gi"}},
    }

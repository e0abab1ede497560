"""The shape of the pods that the demo and the end-to-end tests start themselves: restricted, as the operator's are."""

from __future__ import annotations

from typing import Any

from tools.testing.kubectl import Object

USER = 65532


def pod(name: str, containers: list[Object], volumes: list[Object]) -> Object:
    """A pod that runs once, as a user without rights."""
    security = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    scratch = [{"name": "tmp", "mountPath": "/tmp"}, {"name": "shm", "mountPath": "/dev/shm"}]
    for container in containers:
        container.setdefault("name", "main")
        container.setdefault("imagePullPolicy", "IfNotPresent")
        container["securityContext"] = security
        container["volumeMounts"] = [*container.get("volumeMounts", []), *scratch]
    ids = {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "shardwright-tests"}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {**ids, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": containers,
            "volumes": [
                *volumes,
                {"name": "tmp", "emptyDir": {}},
                {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
            ],
        },
    }


def claim(name: str, size: str = "1Gi", storage_class: str = "", modes: tuple[str, ...] = ("ReadWriteMany",)) -> Object:
    """A claim; without a class it is the cluster's default."""
    spec: dict[str, Any] = {"accessModes": list(modes), "resources": {"requests": {"storage": size}}}
    if storage_class:
        spec["storageClassName"] = storage_class
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def claim_volume(name: str, read_only: bool = False) -> Object:
    """A pod's volume of the claim's name."""
    return {"name": name, "persistentVolumeClaim": {"claimName": name, "readOnly": read_only}}

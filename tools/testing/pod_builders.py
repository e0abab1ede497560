"""Builders of the pods and claims that the demo and the end-to-end tests create themselves."""

from __future__ import annotations

from typing import Any

from tools.testing.kubectl import Object

USER = 65532


def pod(name: str, containers: list[Object], volumes: list[Object]) -> Object:
    """Return a pod that runs once, within the restricted Pod Security Standard.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
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
    """Return a claim; without `storage_class` it has the cluster's default class."""
    spec: dict[str, Any] = {"accessModes": list(modes), "resources": {"requests": {"storage": size}}}
    if storage_class:
        spec["storageClassName"] = storage_class
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def claim_volume(name: str, read_only: bool = False) -> Object:
    """Return a pod's volume for a claim, of the same name."""
    return {"name": name, "persistentVolumeClaim": {"claimName": name, "readOnly": read_only}}

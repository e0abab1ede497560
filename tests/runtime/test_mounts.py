"""Mounts: what pods mount is found with its folder, and what workers mount does not count."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.mounts import list_mounted_folders, mounted_path
from tools.testing.namespace import Namespace


def _server(name: str, mount: dict[str, str], owner: Any = None, **labels: str) -> dict[str, Any]:
    env = [{"name": "KEY", "value": "k1"}, {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
    env += [{"name": "SELF", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    mounts = [{"name": "v", "mountPath": "/models", **mount}]
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "shards"}}
    containers = [{"name": "c", "image": "i", "volumeMounts": mounts, "env": env}]
    spec = {"containers": containers, "volumes": [volume], "automountServiceAccountToken": False}
    reference = {"apiVersion": "batch/v1", "kind": "Job", "controller": True}
    owners = [{**reference, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}] if owner else []
    return {"metadata": {"name": name, "labels": labels, "ownerReferences": owners}, "spec": spec}


async def test_folders_that_pods_mount_are_listed_without_the_workers(client: Client, namespace: Namespace) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "worker", "image": "i"}]}}
    # Managed by no controller, which would delete a second pod.
    body = {"metadata": {"name": "job"}, "spec": {"managedBy": "example.com/none", "template": template}}
    job = namespace.api.call("POST", namespace.path("jobs"), body)
    label = {"shardwright.io/checkpoint-uid": "uid"}
    for one in (
        _server("one", {"subPath": "a/b"}),
        _server("two", {"subPath": "a//b/."}),
        _server("labelled", {"subPath": "x"}, **label),
        _server("worker", {"subPath": "y"}, job, **label),
    ):
        namespace.api.call("POST", namespace.path("pods"), one)
    workers = {job["metadata"]["uid"]}
    assert await list_mounted_folders(client, namespace.name, workers) == {"shards": ("a/b", "x")}
    assert await list_mounted_folders(client, namespace.name) == {"shards": ("a/b", "x", "y")}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("models/llama/$(KEY)", "models/llama/k1"),
        ("models/$(SELF)/./$(KEY)", "models/pod/k1"),
        ("models/$(SECRET)", ""),
        ("models/$(ABSENT)", ""),
        ("models/$$(KEY)", ""),
        ("plain/path", "plain/path"),
    ],
)
def test_variables_in_a_sub_path_are_expanded_where_their_values_are_known(expression: str, found: str) -> None:
    pod = _server("pod", {"subPathExpr": expression})
    (container,) = pod["spec"]["containers"]
    assert mounted_path(pod, container, container["volumeMounts"][0]) == found

"""Pods that Kubernetes does not create, does not start, or ends: said within seconds, in words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.cluster.description import Description
from tools.testing.checkpoints import Checkpoint, holds, manifest
from tools.testing.kubectl import Kubectl


@pytest.fixture
def strict(begun: None, cluster: Description) -> Iterator[Kubectl]:
    """A namespace that allows no pods at all."""
    here = Kubectl(cluster.kubeconfig, "shardwright-e2e-quota")
    here.create_namespace()
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "no-pods"}}
    here.apply({**quota, "spec": {"hard": {"pods": "0"}}})
    yield here
    here.delete("namespace", here.namespace, "--wait=false")


def test_a_quota_that_leaves_no_room_is_named(strict: Kubectl, cluster: Description) -> None:
    create = {"size": "1Gi", "accessModes": ["ReadWriteMany"]}
    if cluster.storage_class:
        create["storageClassName"] = cluster.storage_class
    here = {"persistentVolumeClaim": {"claimName": "shards", "create": create}}
    strict.apply(manifest("quota", source={"persistentVolumeClaim": {"claimName": "shards", "path": "x"}}, output=here))
    checkpoint = Checkpoint(strict, "quota")
    assert holds(checkpoint.wait_reason("PodNotCreated", "no-pods"), "Reconciling")


@pytest.mark.begins(
    source={"huggingFace": {"repo": "org/model", "tokenSecretRef": {"name": "forgotten", "key": "token"}}}
)
def test_a_missing_secret_is_named(checkpoint: Checkpoint) -> None:
    assert holds(checkpoint.wait_reason("PodNotCreated", "forgotten"), "Reconciling")


@pytest.mark.begins(job={"resources": {"limits": {"memory": "150Mi"}}})
def test_too_little_memory_says_which_limit_to_raise(checkpoint: Checkpoint) -> None:
    ready = checkpoint.wait_stalled(900)
    assert ready["reason"] == "OutOfMemory", ready
    assert "memory" in ready["message"]


@pytest.mark.begins(job={"nodeSelector": {"example.com/there-is": "none"}})
def test_a_node_that_does_not_exist_is_said_in_the_schedulers_words(checkpoint: Checkpoint) -> None:
    found = checkpoint.wait_reason("Unschedulable", "selector")
    assert holds(found, "Reconciling")
    assert not checkpoint.jobs("shard")

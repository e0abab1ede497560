"""Pods that Kubernetes does not create, does not start or kills: the condition names the cause within seconds."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tools.cluster.description import Description
from tools.testing.checkpoints import Checkpoint, condition, create, holds
from tools.testing.kubectl import Kubectl, wait_for


@pytest.fixture
def without_pods(created: None, cluster: Description) -> Iterator[Kubectl]:
    """A namespace whose quota allows no pods."""
    namespace = Kubectl(cluster.kubeconfig, "shardwright-e2e-quota")
    namespace.create_namespace()
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "no-pods"}}
    namespace.apply({**quota, "spec": {"hard": {"pods": "0"}}})
    yield namespace
    namespace.delete("namespace", namespace.namespace, "--wait=false")


def test_an_exhausted_quota_is_named(without_pods: Kubectl, cluster: Description) -> None:
    new_claim = {"size": "1Gi", "accessModes": ["ReadWriteMany"]}
    if cluster.storage_class:
        new_claim["storageClassName"] = cluster.storage_class
    source = {"persistentVolumeClaim": {"claimName": "shards", "path": "x"}}
    output = {"persistentVolumeClaim": {"claimName": "shards", "create": new_claim}}
    checkpoint = create(without_pods, "quota", source=source, output=output)
    assert holds(checkpoint.wait_reason("PodNotCreated", "no-pods"), "Reconciling")


@pytest.mark.creates(
    source={"huggingFace": {"repo": "org/model", "tokenSecretRef": {"name": "forgotten", "key": "token"}}}
)
def test_a_missing_secret_is_named(checkpoint: Checkpoint) -> None:
    assert holds(checkpoint.wait_reason("PodNotCreated", "forgotten"), "Reconciling")


@pytest.mark.creates(job={"resources": {"limits": {"memory": "150Mi"}}})
def test_a_memory_limit_that_is_too_low_is_named(checkpoint: Checkpoint) -> None:
    ready = checkpoint.wait_stalled(900)
    assert ready["reason"] == "OutOfMemory", ready
    assert "memory" in ready["message"]


@pytest.mark.creates(job={"nodeSelector": {"example.com/there-is": "none"}})
def test_a_node_selector_that_matches_no_node_is_reported_as_by_the_scheduler(checkpoint: Checkpoint) -> None:
    found = checkpoint.wait_reason("Unschedulable", "selector")
    assert holds(found, "Reconciling")
    assert not checkpoint.jobs("shard")


def test_an_image_without_the_worker_is_not_retried(created: None, kubectl: Kubectl, cluster: Description) -> None:
    image = "shardwright.local/pause:1" if cluster.backend == "local" else "registry.k8s.io/pause:3.10"
    checkpoint = create(kubectl, "no-worker", engine={"image": image, "tensorParallelSize": 1})
    ready = checkpoint.wait_stalled()
    assert ready["reason"] == "WorkerNotInImage", ready
    assert "shardwright-worker" in ready["message"]
    assert len(checkpoint.jobs("shard")) == 1


def test_a_pod_that_the_kubelet_does_not_admit_costs_no_attempt(created: None, kubectl: Kubectl) -> None:
    job = {"schedulerName": "none", "nodeSelector": {"example.com/there-is": "none"}, "maxAttempts": 1}
    checkpoint = create(kubectl, "not-admitted", job=job)
    node = kubectl.list("nodes")[0]["metadata"]["name"]

    def bind(after: str = "") -> str:
        """Bind the next pod to the node, as a scheduler that does not know the node's labels, and return its name."""

        def unbound() -> list[str]:
            pods = [one for one in checkpoint.pods("prepare") if not one["spec"].get("nodeName")]
            return [one["metadata"]["name"] for one in pods if one["metadata"]["name"] != after]

        name = wait_for(unbound, bool, "an unscheduled pod")[0]
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}}
        binding["target"] = {"apiVersion": "v1", "kind": "Node", "name": node}
        path = f"/api/v1/namespaces/{kubectl.namespace}/pods/{name}/binding"
        kubectl.run("create", f"--raw={path}", "--filename=-", text=json.dumps(binding))
        return name

    bind(bind())
    failure = wait_for(lambda: checkpoint.status.get("lastFailure"), bool, "the failure of an attempt")
    assert failure["reason"] in ("Disrupted", "DeviceUnavailable"), failure
    assert "NodeAffinity" in failure["message"]
    assert not condition(checkpoint.read(), "Stalled")
    checkpoint.delete()

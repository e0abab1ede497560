"""Pods and Jobs of other users that carry the operator's labels: they change nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tools.cluster.description import Description
from tools.testing.checkpoints import Checkpoint
from tools.testing.kubectl import Kubectl, wait_for
from tools.testing.pod_builders import pod

_FORGED_REPORT = {
    "stage": "Shard",
    "succeeded": True,
    "key": "e" * 16,
    "artifact": {
        "key": "e" * 16,
        "path": "evil/backdoored",
        "manifestDigest": "0" * 64,
        "bytes": 1,
        "files": 1,
        "vllmVersion": "0.33.0",
        "accelerator": "mallory",
        "verifiedBy": "Load",
        "completedAt": "2026-01-01T00:00:00Z",
    },
}


@pytest.fixture
def other_namespace(created: None, cluster: Description) -> Iterator[Kubectl]:
    """A namespace of another user."""
    namespace = Kubectl(cluster.kubeconfig, "shardwright-e2e-other")
    namespace.create_namespace()
    yield namespace
    for job in namespace.list("jobs"):
        patch = '--patch={"metadata":{"finalizers":null}}'
        namespace.run("patch", "job", job["metadata"]["name"], "--type=merge", patch)
    namespace.delete("namespace", namespace.namespace, "--wait=false")


@pytest.mark.creates(name="forged")
def test_a_forged_pod_and_job_change_nothing(
    checkpoint: Checkpoint, kubectl: Kubectl, other_namespace: Kubectl, cluster: Description
) -> None:
    uid = checkpoint.read()["metadata"]["uid"]
    job = wait_for(checkpoint.jobs, bool, "the first Job", 600)[0]["metadata"]["name"]
    labels = {"shardwright.io/checkpoint-uid": uid, "batch.kubernetes.io/job-name": job}
    script = f"printf %s '{json.dumps(_FORGED_REPORT)}' > /dev/termination-log"
    for namespace in (other_namespace, kubectl):
        forged = pod("forged", [{"name": "worker", "image": cluster.images["worker-prepare"]}], [])
        forged["spec"]["containers"][0]["command"] = ["sh", "-euc", script]
        forged["metadata"]["labels"] |= labels
        namespace.apply(forged)
    owner = {"apiVersion": "shardwright.io/v1alpha1", "kind": "ShardedCheckpoint", "name": "forged", "uid": uid}
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "worker", "image": "none"}]}}
    blocker = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "blocker",
            "labels": {"shardwright.io/checkpoint-uid": uid, "shardwright.io/attempt": "999999000"},
            "finalizers": ["example.com/stays"],
            "ownerReferences": [{**owner, "controller": True}],
        },
        "spec": {"suspend": True, "template": template},
    }
    other_namespace.apply(blocker)
    status = checkpoint.wait_ready()["status"]
    assert status["artifact"]["path"].startswith(f"{kubectl.namespace}/forged/")
    assert status["artifact"]["accelerator"] != "mallory"
    assert status["attempt"] == 2
    kubectl.delete("pod", "forged")

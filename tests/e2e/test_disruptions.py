"""What nobody planned: pods that vanish, a drained node, an operator that dies, a run that hangs."""

from __future__ import annotations

import pytest

from tools.cluster.description import Description
from tools.testing import release
from tools.testing.checkpoints import Checkpoint, manifest
from tools.testing.kubectl import Kubectl, Object, wait_for
from tools.testing.pod_builders import claim
from tools.testing.unresponsive_hub import SOURCE as HANGS
from tools.testing.unresponsive_hub import unresponsive_hub


def _running(checkpoint: Checkpoint, stage: str) -> Object:
    """The pod of this stage, once its container runs."""

    def look() -> list[Object]:
        return [pod for pod in checkpoint.pods(stage) if pod["status"].get("phase") == "Running"]

    return wait_for(look, bool, f"a running {stage} pod of {checkpoint.name}", 600)[0]


def _begin(kubectl: Kubectl, name: str) -> Checkpoint:
    kubectl.apply(manifest(name))
    return Checkpoint(kubectl, name)


@pytest.mark.parametrize("stage", ["Loading", "Verifying"])
def test_a_pod_deleted_while_it_shards_is_made_again(begun: None, kubectl: Kubectl, stage: str) -> None:
    checkpoint = _begin(kubectl, f"pod-deleted-{stage}".lower())
    first = _running(checkpoint, "shard")["metadata"]
    wait_for(lambda: kubectl.run("logs", first["name"]), lambda log: f'"stage":"{stage}"' in log, f"{stage} in the log")
    kubectl.delete("pod", first["name"])
    checkpoint.wait_ready()
    assert first["uid"] not in {pod["metadata"]["uid"] for pod in checkpoint.pods("shard")}
    kubectl.delete("sckpt", checkpoint.name)


def test_a_pod_deleted_while_it_prepares_is_made_again(begun: None, kubectl: Kubectl) -> None:
    kubectl.apply(*unresponsive_hub(), manifest("prepare-deleted", source=HANGS))
    checkpoint = Checkpoint(kubectl, "prepare-deleted")
    first = _running(checkpoint, "prepare")["metadata"]
    kubectl.delete("pod", first["name"])
    wait_for(lambda: _running(checkpoint, "prepare")["metadata"]["uid"], lambda uid: uid != first["uid"], "another pod")
    kubectl.delete("sckpt", checkpoint.name)


def test_a_drained_node_does_not_cost_an_attempt(begun: None, kubectl: Kubectl) -> None:
    kubectl.apply(manifest("drained", job={"maxAttempts": 1}))
    checkpoint = Checkpoint(kubectl, "drained")
    node = _running(checkpoint, "shard")["spec"]["nodeName"]
    chosen = f"--pod-selector=shardwright.io/checkpoint={checkpoint.name}"
    try:
        kubectl.run("drain", node, chosen, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=300s")
    finally:
        kubectl.run("uncordon", node)
    checkpoint.wait_ready()
    kubectl.delete("sckpt", checkpoint.name)


def test_a_claim_deleted_in_use_goes_and_may_come_back(begun: None, kubectl: Kubectl, cluster: Description) -> None:
    going = claim("going", storage_class=cluster.storage_class)
    kubectl.apply(going, manifest("claim-deleted", output={"persistentVolumeClaim": {"claimName": "going"}}))
    checkpoint = Checkpoint(kubectl, "claim-deleted")
    _running(checkpoint, "shard")
    kubectl.run("delete", "persistentvolumeclaim", "going", "--timeout=120s")
    checkpoint.wait_reason("VolumeNotFound", "going")
    kubectl.apply(going)
    checkpoint.wait_ready()
    kubectl.delete("sckpt", checkpoint.name)


def test_an_operator_that_is_upgraded_and_dies_does_not_start_the_work_twice(
    begun: None, kubectl: Kubectl, system: Kubectl, cluster: Description
) -> None:
    checkpoint = _begin(kubectl, "operator-killed")
    pod = _running(checkpoint, "shard")
    release.install(cluster, "replicas=2")
    holder = wait_for(lambda: system.read("lease", "shardwright")["spec"].get("holderIdentity"), bool, "a new leader")
    system.run("delete", "pod", holder.partition("_")[0], "--force", "--grace-period=0")
    checkpoint.wait_ready()
    assert [one["metadata"]["uid"] for one in checkpoint.pods("shard")] == [pod["metadata"]["uid"]]
    assert len(checkpoint.jobs("prepare")) == 1
    kubectl.delete("sckpt", checkpoint.name)


@pytest.mark.begins(source=HANGS, job={"deadline": "15s", "maxAttempts": 1}, also=unresponsive_hub())
def test_a_run_that_hangs_ends_at_its_deadline(checkpoint: Checkpoint) -> None:
    ready = checkpoint.wait_stalled()
    failure = checkpoint.status["lastFailure"]
    assert failure["reason"] == "DeadlineExceeded", failure
    assert "15" in failure["message"]
    assert ready["reason"] in ("AttemptsExhausted", "DeadlineExceeded")
    assert len(checkpoint.jobs()) == 1

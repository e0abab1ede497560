"""Disruptions: deleted pods, a drained node, a deleted claim, an operator that is killed, a worker that hangs."""

from __future__ import annotations

import pytest

from tools.cluster.description import Description
from tools.testing import release
from tools.testing.checkpoints import Checkpoint, create
from tools.testing.kubectl import Kubectl, Object, wait_for
from tools.testing.pod_builders import claim
from tools.testing.unresponsive_hub import SOURCE as HANGS
from tools.testing.unresponsive_hub import start_unresponsive_hub


def _running_pod(checkpoint: Checkpoint, stage: str) -> Object:
    """Wait until the container of this stage runs, and return its pod."""

    def running() -> list[Object]:
        return [pod for pod in checkpoint.pods(stage) if pod["status"].get("phase") == "Running"]

    return wait_for(running, bool, f"a running {stage} pod of {checkpoint.name}", 600)[0]


@pytest.mark.parametrize("stage", ["Loading", "Verifying"])
def test_a_pod_deleted_in_the_shard_stage_is_replaced(created: None, kubectl: Kubectl, stage: str) -> None:
    checkpoint = create(kubectl, f"pod-deleted-{stage}".lower())
    first = _running_pod(checkpoint, "shard")["metadata"]
    wait_for(lambda: kubectl.run("logs", first["name"]), lambda log: f'"stage":"{stage}"' in log, f"{stage} in the log")
    kubectl.delete("pod", first["name"])
    checkpoint.wait_ready()
    assert first["uid"] not in {pod["metadata"]["uid"] for pod in checkpoint.pods("shard")}
    checkpoint.delete()


def test_a_pod_deleted_in_the_prepare_stage_is_replaced(created: None, kubectl: Kubectl) -> None:
    start_unresponsive_hub(kubectl)
    checkpoint = create(kubectl, "prepare-deleted", source=HANGS)
    first = _running_pod(checkpoint, "prepare")["metadata"]
    kubectl.delete("pod", first["name"])
    wait_for(
        lambda: _running_pod(checkpoint, "prepare")["metadata"]["uid"], lambda uid: uid != first["uid"], "another pod"
    )
    checkpoint.delete()


def test_a_drained_node_does_not_cost_an_attempt(created: None, kubectl: Kubectl) -> None:
    checkpoint = create(kubectl, "drained", job={"maxAttempts": 1})
    node = _running_pod(checkpoint, "shard")["spec"]["nodeName"]
    selector = f"--pod-selector=shardwright.io/checkpoint={checkpoint.name}"
    flags = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=300s")
    try:
        kubectl.run("drain", node, selector, *flags)
    finally:
        kubectl.run("uncordon", node)
    checkpoint.wait_ready()
    checkpoint.delete()


def test_a_claim_deleted_in_use_may_be_created_again(created: None, kubectl: Kubectl, cluster: Description) -> None:
    deleted = claim("deleted", storage_class=cluster.storage_class)
    kubectl.apply(deleted)
    checkpoint = create(kubectl, "claim-deleted", output={"persistentVolumeClaim": {"claimName": "deleted"}})
    _running_pod(checkpoint, "shard")
    kubectl.run("delete", "persistentvolumeclaim", "deleted", "--timeout=120s")
    checkpoint.wait_reason("VolumeNotFound", "deleted")
    kubectl.apply(deleted)
    checkpoint.wait_ready()
    checkpoint.delete()


def test_an_operator_that_is_upgraded_and_killed_does_not_repeat_the_work(
    created: None, kubectl: Kubectl, system: Kubectl, cluster: Description
) -> None:
    checkpoint = create(kubectl, "operator-killed")
    pod = _running_pod(checkpoint, "shard")
    release.install(cluster, "replicas=2")
    holder = wait_for(lambda: system.read("lease", "shardwright")["spec"].get("holderIdentity"), bool, "a new leader")
    system.run("delete", "pod", holder.partition("_")[0], "--force", "--grace-period=0")
    checkpoint.wait_ready()
    assert [one["metadata"]["uid"] for one in checkpoint.pods("shard")] == [pod["metadata"]["uid"]]
    assert len(checkpoint.jobs("prepare")) == 1
    checkpoint.delete()


def test_a_worker_that_hangs_is_stopped_at_its_deadline(created: None, kubectl: Kubectl) -> None:
    start_unresponsive_hub(kubectl)
    checkpoint = create(kubectl, "hangs", source=HANGS, job={"deadline": "15s", "maxAttempts": 1})
    ready = checkpoint.wait_stalled()
    failure = checkpoint.status["lastFailure"]
    assert failure["reason"] == "DeadlineExceeded", failure
    assert "15" in failure["message"]
    assert ready["reason"] in ("AttemptsExhausted", "DeadlineExceeded")
    assert len(checkpoint.jobs()) == 1
    checkpoint.delete()

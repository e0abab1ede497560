"""Output volumes that do not exist, are read-only, owned by root or full."""

from __future__ import annotations

import pytest

from tools.cluster.description import Description
from tools.testing.checkpoints import Checkpoint, condition, create, holds
from tools.testing.kubectl import Kubectl, Object, wait_for
from tools.testing.pod_builders import claim
from tools.testing.pod_runs import run_script


def _output(name: str) -> Object:
    return {"persistentVolumeClaim": {"claimName": name}}


@pytest.mark.creates(output=_output("not-yet"))
def test_a_claim_that_does_not_exist_is_waited_for(checkpoint: Checkpoint, kubectl: Kubectl) -> None:
    checkpoint.wait_reason("VolumeNotFound", "not-yet")
    assert not checkpoint.jobs()
    kubectl.apply(claim("not-yet"))
    wait_for(lambda: checkpoint.jobs("prepare"), bool, "a prepare Job once the claim exists")
    checkpoint.delete()


@pytest.mark.creates(
    output={"persistentVolumeClaim": {"claimName": "output", "create": {"size": "1Gi", "storageClassName": "nowhere"}}}
)
def test_a_storage_class_that_does_not_exist_is_named(checkpoint: Checkpoint) -> None:
    assert holds(checkpoint.wait_reason("VolumePending", '"nowhere" not found'), "Reconciling")


@pytest.mark.creates(output=_output("read-only"), also=[claim("read-only", modes=("ReadOnlyMany",))])
def test_a_claim_that_is_read_only_needs_user_action(checkpoint: Checkpoint) -> None:
    ready = checkpoint.wait_stalled()
    assert ready["reason"] == "AccessModeUnsupported", ready
    assert "ReadWriteOnce" in ready["message"]


def test_a_folder_owned_by_root_is_not_writable(created: None, kubectl: Kubectl, cluster: Description) -> None:
    kubectl.apply(claim("root-owned", storage_class=cluster.root_owned_storage_class, modes=("ReadWriteOnce",)))
    checkpoint = create(kubectl, "root-owned", output=_output("root-owned"))
    ready = checkpoint.wait_stalled()
    assert ready["reason"] == "VolumeNotWritable", ready
    assert "fsGroup" in ready["message"]
    assert condition(checkpoint.read(), "VolumeReady")["reason"] == "VolumeNotWritable"
    assert not checkpoint.jobs("shard")


def test_a_full_volume_has_insufficient_space(created: None, kubectl: Kubectl, cluster: Description) -> None:
    kubectl.apply(claim("full", storage_class=cluster.small_storage_class))
    # cat fails once the volume is full.
    script = "cat /dev/zero > /full/filler || test -s /full/filler"
    run_script(kubectl, "full", cluster.images["worker-prepare"], script)
    checkpoint = create(kubectl, "full", output=_output("full"))
    ready = checkpoint.wait_stalled()
    assert ready["reason"] == "InsufficientSpace", ready
    assert not holds(checkpoint.read(), "VolumeReady")
    assert not checkpoint.jobs("shard")

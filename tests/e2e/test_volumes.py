"""Output volumes that are missing, full, or somebody else's."""

from __future__ import annotations

import pytest

from tools.cluster.description import Description
from tools.testing.checkpoints import Checkpoint, condition, holds, manifest
from tools.testing.kubectl import Kubectl, Object, wait_for
from tools.testing.model_upload import run_to_end
from tools.testing.pod_builders import claim, claim_volume, pod


def _output(name: str) -> Object:
    return {"persistentVolumeClaim": {"claimName": name}}


@pytest.mark.begins(output=_output("not-yet"))
def test_a_claim_that_does_not_exist_is_waited_for(checkpoint: Checkpoint, kubectl: Kubectl) -> None:
    checkpoint.wait_reason("VolumeNotFound", "not-yet")
    assert not checkpoint.jobs()
    kubectl.apply(claim("not-yet"))
    wait_for(lambda: checkpoint.jobs("prepare"), bool, "a prepare Job once the claim is there")
    kubectl.delete("sckpt", checkpoint.name)


@pytest.mark.begins(
    output={"persistentVolumeClaim": {"claimName": "output", "create": {"size": "1Gi", "storageClassName": "nowhere"}}}
)
def test_a_storage_class_that_does_not_exist_is_named(checkpoint: Checkpoint) -> None:
    assert holds(checkpoint.wait_reason("VolumePending", '"nowhere" not found'), "Reconciling")


@pytest.mark.begins(output=_output("read-only"), also=[claim("read-only", modes=("ReadOnlyMany",))])
def test_a_claim_that_cannot_be_written_to_needs_a_person(checkpoint: Checkpoint) -> None:
    ready = checkpoint.wait_stalled()
    assert ready["reason"] == "AccessModeUnsupported", ready
    assert "ReadWriteOnce" in ready["message"]


def test_a_folder_of_root_is_not_writable(begun: None, kubectl: Kubectl, cluster: Description) -> None:
    kubectl.apply(claim("of-root", storage_class=cluster.root_owned_storage_class, modes=("ReadWriteOnce",)))
    kubectl.apply(manifest("of-root", output=_output("of-root")))
    checkpoint = Checkpoint(kubectl, "of-root")
    ready = checkpoint.wait_stalled()
    assert ready["reason"] == "VolumeNotWritable", ready
    assert "fsGroup" in ready["message"]
    assert condition(checkpoint.read(), "VolumeReady")["reason"] == "VolumeNotWritable"
    assert not checkpoint.jobs("shard")


def test_a_full_volume_has_too_little_space(begun: None, kubectl: Kubectl, cluster: Description) -> None:
    kubectl.apply(claim("full", storage_class=cluster.small_storage_class))
    fill: Object = {
        "image": cluster.images["worker-prepare"],
        "command": ["sh", "-uc", "cat /dev/zero > /full/filler; test -s /full/filler"],
        "volumeMounts": [{"name": "full", "mountPath": "/full"}],
    }
    run_to_end(kubectl, pod("fill", [fill], [claim_volume("full")]))
    kubectl.apply(manifest("full", output=_output("full")))
    checkpoint = Checkpoint(kubectl, "full")
    ready = checkpoint.wait_stalled()
    assert ready["reason"] == "InsufficientSpace", ready
    assert not holds(checkpoint.read(), "VolumeReady")
    assert not checkpoint.jobs("shard")

"""Resources that share an output folder or an output claim: the newer one is rejected with NameConflict."""

from __future__ import annotations

from tools.cluster.description import Description
from tools.testing.checkpoints import Checkpoint, create
from tools.testing.kubectl import Kubectl, wait_for

_QUEUE = "admits-nothing"


def _expect_conflict(checkpoint: Checkpoint, other: str) -> None:
    ready = checkpoint.wait_stalled()
    assert ready["reason"] == "NameConflict", ready
    assert other in ready["message"]
    assert not checkpoint.jobs()


def test_two_resources_do_not_share_a_folder(created: None, kubectl: Kubectl) -> None:
    output = {"persistentVolumeClaim": {"claimName": "shards"}, "path": "one-folder"}
    queue = {"queueName": _QUEUE}
    first = create(kubectl, "older", output=output, job=queue)
    first.wait_reason("Queued", _QUEUE)
    second = create(kubectl, "newer", output={**output, "path": "one-folder/below", "historyLimit": 1})
    _expect_conflict(second, "older")
    first.delete()
    wait_for(second.jobs, bool, "a Job after the deletion of the other resource")
    second.delete()


def test_a_claim_that_is_deleted_with_its_resource_is_not_used_by_another(
    created: None, kubectl: Kubectl, cluster: Description
) -> None:
    new_claim = {"size": "1Gi", "accessModes": ["ReadWriteMany"], "whenDeleted": "Delete"}
    if cluster.storage_class:
        new_claim["storageClassName"] = cluster.storage_class
    output = {"persistentVolumeClaim": {"claimName": "owned", "create": new_claim}}
    owner = create(kubectl, "owner", output=output, job={"queueName": _QUEUE})
    owner.wait_reason("Queued", _QUEUE)
    guest = create(kubectl, "guest", output={"persistentVolumeClaim": {"claimName": "owned"}})
    _expect_conflict(guest, "owner")
    # The message says how to detach the claim, which then stays.
    kubectl.run("patch", "pvc", "owned", "--type=merge", '--patch={"metadata":{"ownerReferences":null}}')
    wait_for(guest.jobs, bool, "a Job of the guest")
    kubectl.run("delete", "sckpt", "owner", "--cascade=foreground", "--timeout=120s")
    assert kubectl.get("pvc", "owned")
    guest.delete()

"""A Ready resource whose artifact is built again: another parallel size, or a damaged file."""

from __future__ import annotations

import pytest

from tools.cluster.description import Description
from tools.testing.checkpoints import Checkpoint, condition, holds
from tools.testing.kubectl import Kubectl, wait_for
from tools.testing.pod_runs import run_script, run_worker

NAME = "changing"
pytestmark = pytest.mark.creates(name=NAME)


def test_another_parallel_size_is_built_and_the_older_artifact_pruned(
    checkpoint: Checkpoint, kubectl: Kubectl, cluster: Description
) -> None:
    old = checkpoint.wait_ready()["status"]
    checkpoint.patch(engine={"tensorParallelSize": 1}, output={"historyLimit": 1})
    working = wait_for(checkpoint.read, lambda one: holds(one, "Reconciling"), "work on the change")
    assert condition(working, "Ready")["status"] == "Unknown"
    assert working["status"]["artifact"] == old["artifact"]
    assert working["status"]["serving"] == old["serving"]
    new = checkpoint.wait_ready()["status"]["artifact"]
    assert new["tensorParallelSize"] == 1
    assert new["path"] != old["artifact"]["path"]
    # Waited for in the status: a pod that mounts the whole volume would prevent the pruning.
    pruned = wait_for(
        lambda: checkpoint.status.get("maintenance", {}).get("lastPruned", {}),
        lambda last: bool(last.get("removed")),
        "the older artifact being pruned",
    )
    assert pruned["removed"] == [old["artifact"]["key"]]
    assert pruned["freedBytes"] > 0
    checkpoint.wait_ready()
    folder = new["path"].rpartition("/")[0]
    listing = run_script(kubectl, "shards", cluster.images["worker-prepare"], f"ls /shards/{folder}")
    assert listing.split() == [new["key"]]


def test_a_damaged_artifact_is_built_again_on_request(
    checkpoint: Checkpoint, kubectl: Kubectl, cluster: Description
) -> None:
    image = cluster.images["worker-prepare"]
    before = checkpoint.wait_ready()["status"]["artifact"]
    part = f"/shards/{before['path']}/model-rank-0-part-0.safetensors"
    run_script(kubectl, "shards", image, f"truncate -s -1 {part}")
    checkpoint.request("now")
    # The status does not change until the requested check has found the damage.
    wait_for(
        lambda: checkpoint.status.get("artifact", before),
        lambda artifact: artifact["manifestDigest"] != before["manifestDigest"],
        "another artifact",
        900,
    )
    after = checkpoint.wait_ready()["status"]
    assert after["lastHandledReconcileAt"] == "now"
    assert after["artifact"]["path"] == before["path"]
    run_worker(kubectl, "shards", image, "check", "--deep", f"/shards/{before['path']}")

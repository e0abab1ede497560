"""What people do to a resource that is Ready: another parallel size, fewer artifacts to keep, a damaged file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.cluster.description import Description
from tools.testing.checkpoints import KIND, Checkpoint, condition, holds
from tools.testing.kubectl import Kubectl, Object, wait_for
from tools.testing.model_upload import run_to_end
from tools.testing.pod_builders import claim_volume, pod

NAME = "changing"
pytestmark = pytest.mark.begins(name=NAME)


def _patch(kubectl: Kubectl, **spec: Any) -> None:
    kubectl.run("patch", KIND, NAME, "--type=merge", f"--patch={json.dumps({'spec': spec})}")


def _on_the_volume(kubectl: Kubectl, cluster: Description, script: str) -> str:
    container: Object = {
        "image": cluster.images["worker-prepare"],
        "command": ["sh", "-euc", script],
        "volumeMounts": [{"name": "shards", "mountPath": "/shards"}],
    }
    return run_to_end(kubectl, pod("on-the-volume", [container], [claim_volume("shards")]))


def test_another_parallel_size_is_built_beside_and_the_old_one_pruned(
    checkpoint: Checkpoint, kubectl: Kubectl, cluster: Description
) -> None:
    old = checkpoint.wait_ready()["status"]
    _patch(kubectl, engine={"tensorParallelSize": 1}, output={"historyLimit": 1})
    working = wait_for(checkpoint.read, lambda one: holds(one, "Reconciling"), "work on the change")
    assert condition(working, "Ready")["status"] == "Unknown"
    assert working["status"]["artifact"] == old["artifact"]
    assert working["status"]["serving"] == old["serving"]
    new = checkpoint.wait_ready()["status"]["artifact"]
    assert new["tensorParallelSize"] == 1
    assert new["path"] != old["artifact"]["path"]
    # Seen in the status: a pod that looks at the whole volume would keep everything from being removed.
    pruned = wait_for(
        lambda: checkpoint.status.get("maintenance", {}).get("lastPruned", {}),
        lambda last: bool(last.get("removed")),
        "the older artifact being pruned",
    )
    assert pruned["removed"] == [old["artifact"]["key"]]
    assert pruned["freedBytes"] > 0
    checkpoint.wait_ready()
    folder = new["path"].rpartition("/")[0]
    assert _on_the_volume(kubectl, cluster, f"ls /shards/{folder}").split() == [new["key"]]


def test_a_damaged_artifact_is_built_anew_when_a_person_asks(
    checkpoint: Checkpoint, kubectl: Kubectl, cluster: Description
) -> None:
    before = checkpoint.wait_ready()["status"]["artifact"]
    part = f"/shards/{before['path']}/model-rank-0-part-0.safetensors"
    _on_the_volume(kubectl, cluster, f"truncate -s -1 {part}")
    kubectl.run("annotate", KIND, NAME, "--overwrite", "reconcile.fluxcd.io/requestedAt=now")
    # Until the look that was asked for has found the damage, the resource stays what it was.
    wait_for(
        lambda: checkpoint.status.get("artifact", before),
        lambda artifact: artifact["manifestDigest"] != before["manifestDigest"],
        "another artifact",
        900,
    )
    after = checkpoint.wait_ready()["status"]
    assert after["lastHandledReconcileAt"] == "now"
    assert after["artifact"]["path"] == before["path"]
    check: Object = {
        "image": cluster.images["worker-prepare"],
        "args": ["check", "--deep", f"/shards/{before['path']}"],
    }
    check["volumeMounts"] = [{"name": "shards", "mountPath": "/shards", "readOnly": True}]
    run_to_end(kubectl, pod("check", [check], [claim_volume("shards", read_only=True)]))

"""An artifact that a pod mounts is not pruned; it is pruned on request once the pod is gone."""

from __future__ import annotations

from typing import Any

from tools.cluster.description import Description
from tools.testing.checkpoints import Checkpoint, create
from tools.testing.kubectl import Kubectl, Object, wait_for
from tools.testing.pod_builders import claim_volume, pod
from tools.testing.pod_runs import run_script


def _last_pruned(checkpoint: Checkpoint) -> dict[str, Any]:
    pruned: dict[str, Any] = checkpoint.status.get("maintenance", {}).get("lastPruned", {})
    return pruned


def _pruning_jobs(checkpoint: Checkpoint) -> list[list[str]]:
    """Return the arguments of the Jobs that prune."""
    arguments = [one["spec"]["template"]["spec"]["containers"][0]["args"] for one in checkpoint.jobs("prepare")]
    return [one for one in arguments if any(word.startswith("--history-limit") for word in one)]


def _serve(kubectl: Kubectl, image: str, path: str) -> None:
    """Start a pod that mounts an artifact, and wait until it runs."""
    mount = {"name": "shards", "mountPath": "/model", "subPath": path, "readOnly": True}
    server: Object = {"image": image, "command": ["sleep", "3600"], "volumeMounts": [mount]}
    kubectl.apply(pod("server", [server], [claim_volume("shards", read_only=True)]))
    wait_for(lambda: kubectl.read("pod", "server")["status"].get("phase"), lambda one: one == "Running", "the server")


def _two_artifacts(kubectl: Kubectl) -> tuple[Checkpoint, Any]:
    """Create a resource, let it have a second artifact, and return it with the older one."""
    checkpoint = create(kubectl, "mounted", recheck={"interval": "10s"})
    older = checkpoint.wait_ready()["status"]["artifact"]
    checkpoint.patch(engine={"tensorParallelSize": 1})
    wait_for(lambda: checkpoint.status["artifact"]["key"], lambda key: key != older["key"], "another artifact", 900)
    checkpoint.wait_ready()
    return checkpoint, older


def test_an_artifact_that_a_pod_mounts_is_not_pruned(created: None, kubectl: Kubectl, cluster: Description) -> None:
    checkpoint, older = _two_artifacts(kubectl)

    # The Job that is to prune the older one is unschedulable; meanwhile a server mounts it.
    checkpoint.patch(output={"historyLimit": 1}, job={"nodeSelector": {"example.com/there-is": "none"}})
    wait_for(lambda: _pruning_jobs(checkpoint), bool, "a Job that prunes")
    assert older["key"] not in str(_pruning_jobs(checkpoint))
    _serve(kubectl, cluster.images["worker-prepare"], older["path"])
    wait_for(lambda: str(_pruning_jobs(checkpoint)), lambda text: older["key"] in text, "a Job that excludes it")
    checkpoint.patch(job={"nodeSelector": None})
    wait_for(lambda: _last_pruned(checkpoint).get("inUse", []), lambda keys: keys == [older["key"]], "its key in inUse")

    # Neither a recheck nor a request prunes it afterwards.
    checked = checkpoint.status["artifact"]["checkedAt"]
    wait_for(lambda: checkpoint.status["artifact"]["checkedAt"], lambda time: time != checked, "a recheck")
    checkpoint.request("first")
    wait_for(lambda: checkpoint.status.get("lastHandledReconcileAt"), lambda value: value == "first", "the request")
    checkpoint.wait_ready()
    assert "config.json" in kubectl.run("exec", "server", "--", "ls", "/model")

    # Once no pod mounts it, a request prunes it.
    kubectl.delete("pod", "server", "--wait=true")
    checkpoint.request("second")
    # Waited for in the status: a pod that mounts the whole volume would prevent the pruning.
    removed = wait_for(lambda: _last_pruned(checkpoint).get("removed", []), bool, "its removal")
    assert removed == [older["key"]]
    folder = older["path"].rpartition("/")[0]
    names = run_script(kubectl, "shards", cluster.images["worker-prepare"], f"ls /shards/{folder}").split()
    assert names == [checkpoint.status["artifact"]["key"]]
    checkpoint.delete()

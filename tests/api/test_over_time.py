"""Queues, suspension, rechecks and pruning, on a real API server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tools.cluster.api import wait_until
from tools.control_plane.control_plane import ControlPlane
from tools.testing.checkpoints import LABEL, condition
from tools.testing.kubelet import Kubelet
from tools.testing.namespace import Namespace
from tools.testing.operator import Operator
from tools.testing.pod_outcomes import SUCCESS, Outcome, unscheduled

_MERGE = "application/merge-patch+json"


@dataclass(frozen=True)
class Scene:
    """A namespace with its kubelet, and the names of the resources whose pods cannot be scheduled."""

    namespace: Namespace
    kubelet: Kubelet
    unschedulable: set[str]

    def patch_job(self, name: str, **spec: Any) -> None:
        """Change a Job as a queue would."""
        self.namespace.api.call("PATCH", self.namespace.path("jobs", name), {"spec": spec}, _MERGE)

    def lose(self, artifact: Mapping[str, Any]) -> None:
        """Remove the artifact from its volume."""
        del self.kubelet.volumes.artifacts[self.namespace.name, artifact["claimName"]][artifact["path"]]


@pytest.fixture(scope="module")
def scene(served: ControlPlane) -> Iterator[Scene]:
    """A namespace that an operator watches."""
    namespace, unschedulable = Namespace(served.api), set[str]()

    def script(pod: Mapping[str, Any]) -> Outcome:
        return unscheduled("0/3 nodes") if pod["metadata"]["labels"][LABEL] in unschedulable else SUCCESS

    options = (f"--namespaces={namespace.name}", "--leader-elect=false", "--retry-base=1")
    kubelet = Kubelet(served.api, script, namespace=namespace.name)
    with kubelet, Operator(served.kubeconfig, *options) as operator:
        operator.wait_ready()
        yield Scene(namespace, kubelet, unschedulable)


def test_both_jobs_wait_for_their_queue(scene: Scene) -> None:
    scene.namespace.create("queued", job={"queueName": "gpus"})
    for stage in ("prepare", "shard"):
        _wait_for_job(scene, "queued", stage)
        scene.namespace.wait("queued", reason="Queued")
        (job,) = scene.namespace.jobs("queued", stage)
        assert job["spec"]["suspend"] is True
        assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
        scene.patch_job(job["metadata"]["name"], suspend=False)
    scene.namespace.wait("queued")
    assert len(scene.namespace.jobs("queued")) == 2


def _wait_for_job(scene: Scene, name: str, stage: str) -> None:
    wait_until(lambda: bool(scene.namespace.jobs(name, stage)), f"the {stage} Job", 60)


def test_a_job_that_another_controller_suspends_stays_suspended(scene: Scene) -> None:
    scene.unschedulable.add("held")
    scene.namespace.create("held")
    scene.namespace.wait("held", reason="Unschedulable")
    (job,) = scene.namespace.jobs("held")
    scene.patch_job(job["metadata"]["name"], suspend=True)
    held = scene.namespace.wait("held", reason="Queued")
    path = scene.namespace.path("jobs", job["metadata"]["name"])
    before = scene.namespace.api.call("GET", path)
    about = {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
    event = {
        "metadata": {"name": "held.pending"},
        "involvedObject": {**about, "namespace": scene.namespace.name},
        "reason": "Pending",
        "message": "insufficient quota for nvidia.com/gpu",
        "type": "Normal",
    }
    scene.namespace.api.call("POST", f"/api/v1/namespaces/{scene.namespace.name}/events", event)
    wait_until(
        lambda: "insufficient quota" in str(scene.namespace.read("held")["status"]["conditions"]),
        "the message of the Event",
        90,
    )
    scene.namespace.change(
        "held", verification="Load"
    )  # the explicit default: the operator reconciles it and changes nothing
    wait_until(
        lambda: scene.namespace.read("held")["status"]["observedGeneration"] > held["status"]["observedGeneration"],
        "the new generation being observed",
        60,
    )
    after = scene.namespace.api.call("GET", path)
    assert after["spec"]["suspend"] is True
    assert (before["metadata"]["generation"], after["metadata"]["generation"]) == (
        before["metadata"]["generation"],
    ) * 2
    scene.unschedulable.clear()
    scene.patch_job(job["metadata"]["name"], suspend=False)
    scene.namespace.wait("held")


def test_a_storage_class_that_does_not_exist_is_named(scene: Scene) -> None:
    create = {"size": "1Gi", "storageClassName": "no-such-class"}
    scene.unschedulable.add("classless")
    scene.namespace.create("classless", output={"persistentVolumeClaim": {"claimName": "made", "create": create}})

    def is_named() -> bool:
        return "no-such-class" in condition(scene.namespace.read("classless"), "Ready").get("message", "")

    wait_until(is_named, "the name of the class", 90)
    assert condition(scene.namespace.read("classless"), "Ready")["reason"] == "VolumePending"


def test_suspending_deletes_a_waiting_pod_and_resuming_creates_it_again(scene: Scene) -> None:
    scene.unschedulable.add("paused")
    scene.namespace.create("paused")
    scene.namespace.wait("paused", reason="Unschedulable")
    scene.namespace.change("paused", suspend=True)
    scene.namespace.wait("paused", reason="Suspended")
    (job,) = scene.namespace.jobs("paused")
    wait_until(lambda: not scene.namespace.objects("pods", f"{LABEL}=paused"), "the pod being gone", 60)
    scene.unschedulable.clear()
    scene.namespace.change("paused", suspend=False)
    scene.namespace.wait("paused")
    assert scene.namespace.jobs("paused", "prepare")[0]["metadata"]["uid"] == job["metadata"]["uid"]


def test_a_change_of_job_fields_replaces_a_job_that_has_not_started(scene: Scene) -> None:
    scene.unschedulable.add("replaced")
    scene.namespace.create("replaced", job={"nodeSelector": {"gpu": "old"}})
    scene.namespace.wait("replaced", reason="Unschedulable")
    (old,) = scene.namespace.jobs("replaced")
    scene.namespace.change("replaced", job={"nodeSelector": {"gpu": "new"}})
    # Not before the Job is deleted: a pod that starts would keep it.
    wait_until(lambda: old["metadata"]["uid"] not in _uids(scene, "replaced"), "the old Job being replaced", 120)
    scene.unschedulable.clear()
    scene.namespace.wait("replaced")
    jobs = scene.namespace.jobs("replaced")
    assert old["metadata"]["uid"] not in {job["metadata"]["uid"] for job in jobs}
    assert {job["spec"]["template"]["spec"]["nodeSelector"]["gpu"] for job in jobs} == {"new"}


@pytest.mark.parametrize("rebuild", [False, True])
def test_a_deleted_artifact_is_detected(scene: Scene, rebuild: bool) -> None:
    name = f"deleted-{rebuild}".lower()
    scene.namespace.create(name, recheck={"interval": "2s", "rebuild": rebuild})
    before = scene.namespace.wait(name)["status"]
    scene.lose(before["artifact"])
    if rebuild:
        wait_until(lambda: len(scene.namespace.jobs(name, "shard")) == 2, "a second shard Job", 60)
        assert scene.namespace.wait(name)["status"]["artifact"]["path"] == before["artifact"]["path"]
        return
    found = scene.namespace.wait(name, reason="ArtifactDamaged")
    assert condition(found, "Stalled")["reason"] == "ArtifactDamaged"
    assert "serving" not in found["status"]
    assert len(scene.namespace.jobs(name, "shard")) == 1
    scene.namespace.annotate(name, _requestedAt="now")
    scene.namespace.wait(name)


def test_pruning_keeps_an_artifact_that_a_running_pod_mounts(scene: Scene) -> None:
    output = {"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1}
    scene.namespace.create("pruned", output=output)
    artifact = scene.namespace.wait("pruned")["status"]["artifact"]
    mount = {"name": "shards", "mountPath": "/models", "subPath": artifact["path"]}
    server = {"name": "server", "image": "vllm", "volumeMounts": [mount]}
    volumes = [{"name": "shards", "persistentVolumeClaim": {"claimName": "shards"}}]
    pod = {"containers": [server], "volumes": volumes, "automountServiceAccountToken": False}
    scene.namespace.api.call("POST", scene.namespace.path("pods"), {"metadata": {"name": "server"}, "spec": pod})
    scene.namespace.change("pruned", engine={"tensorParallelSize": 4})
    wait_until(lambda: any(_value(line, "--published") != artifact["key"] for line in _prunings(scene)), "pruning", 180)
    (line,) = (line for line in _prunings(scene) if _value(line, "--published") != artifact["key"])
    assert _value(line, "--in-use") == artifact["key"]
    assert _value(line, "--published") == scene.namespace.wait("pruned")["status"]["artifact"]["key"]


def _uids(scene: Scene, name: str) -> set[str]:
    return {job["metadata"]["uid"] for job in scene.namespace.jobs(name)}


def _value(line: list[str], flag: str) -> str:
    return line[line.index(flag) + 1]


def _prunings(scene: Scene) -> list[list[str]]:
    """Return the command lines of the Jobs that prune, oldest first."""
    jobs = scene.namespace.jobs("pruned", "prepare")
    lines: list[list[str]] = [job["spec"]["template"]["spec"]["containers"][0]["args"] for job in jobs]
    return [line for line in lines if "--history-limit" in line]

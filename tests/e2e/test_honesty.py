"""What would make Ready a lie: strangers with our labels, sidecars, changed sources, weaker proofs, shared places."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tools.cluster.description import Description
from tools.testing.checkpoints import KIND, Checkpoint, condition, manifest
from tools.testing.kubectl import Kubectl, Object, wait_for
from tools.testing.model_upload import run_to_end, upload_models
from tools.testing.pod_builders import claim_volume, pod

_LIE = {
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


def _patch(checkpoint: Checkpoint, **spec: Any) -> None:
    checkpoint.kubectl.run("patch", KIND, checkpoint.name, "--type=merge", f"--patch={json.dumps({'spec': spec})}")


def _on_the_volume(kubectl: Kubectl, cluster: Description, claim_name: str, script: str) -> str:
    mount = {"name": claim_name, "mountPath": "/volume"}
    container: Object = {
        "image": cluster.images["worker-prepare"],
        "command": ["sh", "-euc", script],
        "volumeMounts": [mount],
    }
    return run_to_end(kubectl, pod(f"on-{claim_name}", [container], [claim_volume(claim_name)]))


@pytest.fixture
def evil(begun: None, cluster: Description) -> Iterator[Kubectl]:
    """A stranger's namespace."""
    here = Kubectl(cluster.kubeconfig, "shardwright-e2e-evil")
    here.create_namespace()
    yield here
    for job in here.list("jobs"):
        here.run("patch", "job", job["metadata"]["name"], "--type=merge", '--patch={"metadata":{"finalizers":null}}')
    here.delete("namespace", here.namespace, "--wait=false")


@pytest.mark.begins(name="forged")
def test_a_strangers_pod_and_job_change_nothing(
    checkpoint: Checkpoint, kubectl: Kubectl, evil: Kubectl, cluster: Description
) -> None:
    uid = checkpoint.read()["metadata"]["uid"]
    job = wait_for(checkpoint.jobs, bool, "the first Job", 600)[0]["metadata"]["name"]
    labels = {"shardwright.io/checkpoint-uid": uid, "batch.kubernetes.io/job-name": job}
    say = f"printf %s '{json.dumps(_LIE)}' > /dev/termination-log"
    for where in (evil, kubectl):
        liar = pod("liar", [{"name": "worker", "image": cluster.images["worker-prepare"]}], [])
        liar["spec"]["containers"][0]["command"] = ["sh", "-euc", say]
        liar["metadata"]["labels"] |= labels
        where.apply(liar)
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
    evil.apply(blocker)
    status = checkpoint.wait_ready()["status"]
    assert status["artifact"]["path"].startswith(f"{kubectl.namespace}/forged/")
    assert status["artifact"]["accelerator"] != "mallory"
    assert status["attempt"] == 2
    kubectl.delete("pod", "liar")


def _last_pruned(checkpoint: Checkpoint) -> dict[str, Any]:
    pruned: dict[str, Any] = checkpoint.status.get("maintenance", {}).get("lastPruned", {})
    return pruned


def test_nothing_that_a_pod_mounts_is_removed(begun: None, kubectl: Kubectl, cluster: Description) -> None:
    kubectl.apply(manifest("mounted", recheck={"interval": "10s"}))
    checkpoint = Checkpoint(kubectl, "mounted")
    older = checkpoint.wait_ready()["status"]["artifact"]
    _patch(checkpoint, engine={"tensorParallelSize": 1})
    wait_for(lambda: checkpoint.status["artifact"]["key"], lambda key: key != older["key"], "another artifact", 900)
    checkpoint.wait_ready()

    # The Job that is to remove the older one finds no node; meanwhile a server mounts it.
    _patch(checkpoint, output={"historyLimit": 1}, job={"nodeSelector": {"example.com/there-is": "none"}})

    def pruning() -> list[list[str]]:
        arguments = [one["spec"]["template"]["spec"]["containers"][0]["args"] for one in checkpoint.jobs("prepare")]
        return [one for one in arguments if any(word.startswith("--history-limit") for word in one)]

    wait_for(pruning, bool, "a Job that is to remove something")
    assert older["key"] not in str(pruning())
    mount = {"name": "shards", "mountPath": "/model", "subPath": older["path"], "readOnly": True}
    server: Object = {"image": cluster.images["worker-prepare"], "command": ["sleep", "3600"], "volumeMounts": [mount]}
    kubectl.apply(pod("server", [server], [claim_volume("shards", read_only=True)]))
    wait_for(lambda: kubectl.read("pod", "server")["status"].get("phase"), lambda one: one == "Running", "the server")
    wait_for(lambda: str(pruning()), lambda text: older["key"] in text, "a Job that knows of the server")
    _patch(checkpoint, job={"nodeSelector": None})
    wait_for(
        lambda: _last_pruned(checkpoint).get("inUse", []), lambda keys: keys == [older["key"]], "keeping it in use"
    )

    # Neither a recheck nor a request removes it afterwards.
    checked = checkpoint.status["artifact"]["checkedAt"]
    wait_for(lambda: checkpoint.status["artifact"]["checkedAt"], lambda time: time != checked, "a recheck")
    kubectl.run("annotate", KIND, checkpoint.name, "reconcile.fluxcd.io/requestedAt=look")
    wait_for(lambda: checkpoint.status.get("lastHandledReconcileAt"), lambda text: text == "look", "the request")
    checkpoint.wait_ready()
    assert "config.json" in kubectl.run("exec", "server", "--", "ls", "/model")

    # Once it is free, it goes.
    kubectl.delete("pod", "server", "--wait=true")
    kubectl.run("annotate", KIND, checkpoint.name, "--overwrite", "reconcile.fluxcd.io/requestedAt=again")
    # Seen in the status: a pod that looks at the whole volume would keep everything from being removed.
    removed = wait_for(lambda: _last_pruned(checkpoint).get("removed", []), bool, "removing it")
    assert removed == [older["key"]]
    folder = older["path"].rpartition("/")[0]
    names = _on_the_volume(kubectl, cluster, "shards", f"ls /volume/{folder}").split()
    assert names == [checkpoint.status["artifact"]["key"]]
    kubectl.delete("sckpt", checkpoint.name)


@pytest.fixture
def sidecars(begun: None, kubectl: Kubectl) -> Iterator[str]:
    """An admission policy that puts a container before the worker, in pods of the resource of this name."""
    name = "sidecar"
    container = """Object.spec.containers{
      name: "a-sidecar", image: "shardwright.local/worker-prepare:dev", command: ["true"],
      securityContext: Object.spec.containers.securityContext{
        allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 65532,
        capabilities: Object.spec.containers.securityContext.capabilities{drop: ["ALL"]}}}"""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": f"shardwright-e2e-{name}"},
        "spec": {
            "matchConstraints": {
                "resourceRules": [rule],
                "objectSelector": {"matchLabels": {"shardwright.io/checkpoint": name}},
            },
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "mutations": [
                {
                    "patchType": "JSONPatch",
                    "jsonPatch": {
                        "expression": f'[JSONPatch{{op: "add", path: "/spec/containers/0", value: {container}}}]'
                    },
                }
            ],
        },
    }
    binding = {
        **{key: policy[key] for key in ("apiVersion", "metadata")},
        "kind": "MutatingAdmissionPolicyBinding",
        "spec": {"policyName": f"shardwright-e2e-{name}"},
    }
    kubectl.apply(policy, binding)
    tried = pod("tried", [{"image": "shardwright.local/worker-prepare:dev"}], [])
    tried["metadata"]["labels"]["shardwright.io/checkpoint"] = name
    flags = ("--dry-run=server", "--output=json", "--filename=-")
    wait_for(
        lambda: kubectl.run("create", *flags, text=json.dumps(tried)), lambda text: "a-sidecar" in text, "the policy"
    )
    yield name
    kubectl.run("delete", "mutatingadmissionpolicybinding,mutatingadmissionpolicy", f"shardwright-e2e-{name}")


def test_an_injected_sidecar_is_not_taken_for_the_worker(sidecars: str, kubectl: Kubectl) -> None:
    kubectl.apply(manifest(sidecars, tensor_parallel_size=1, verification="Digests"))
    checkpoint = Checkpoint(kubectl, sidecars)
    first = wait_for(lambda: checkpoint.pods("prepare"), bool, "a pod")[0]
    assert [one["name"] for one in first["spec"]["containers"]] == ["a-sidecar", "worker"]
    checkpoint.wait_ready()
    assert len(checkpoint.jobs()) == 2
    kubectl.delete("sckpt", checkpoint.name)


def test_an_image_without_the_worker_stops_at_once(begun: None, kubectl: Kubectl, cluster: Description) -> None:
    image = "shardwright.local/pause:1" if cluster.backend == "local" else "registry.k8s.io/pause:3.10"
    kubectl.apply(manifest("no-worker", engine={"image": image, "tensorParallelSize": 1}))
    checkpoint = Checkpoint(kubectl, "no-worker")
    ready = checkpoint.wait_stalled()
    assert ready["reason"] == "WorkerNotInImage", ready
    assert "shardwright-worker" in ready["message"]
    assert len(checkpoint.jobs("shard")) == 1


def test_a_pod_that_the_kubelet_does_not_admit_costs_no_attempt(begun: None, kubectl: Kubectl) -> None:
    job = {"schedulerName": "nobody", "nodeSelector": {"example.com/there-is": "none"}, "maxAttempts": 1}
    kubectl.apply(manifest("not-admitted", job=job))
    checkpoint = Checkpoint(kubectl, "not-admitted")
    node = kubectl.list("nodes")[0]["metadata"]["name"]

    def bind(after: str = "") -> str:
        """As a scheduler would that does not know what the node has."""

        def waiting() -> list[str]:
            pods = [one for one in checkpoint.pods("prepare") if not one["spec"].get("nodeName")]
            return [one["metadata"]["name"] for one in pods if one["metadata"]["name"] != after]

        name = wait_for(waiting, bool, "a pod that waits for its scheduler")[0]
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}}
        binding["target"] = {"apiVersion": "v1", "kind": "Node", "name": node}
        path = f"/api/v1/namespaces/{kubectl.namespace}/pods/{name}/binding"
        kubectl.run("create", f"--raw={path}", "--filename=-", text=json.dumps(binding))
        return name

    bind(bind())
    failure = wait_for(lambda: checkpoint.status.get("lastFailure"), bool, "the failure of an attempt")
    assert failure["reason"] in ("Disrupted", "DeviceUnavailable"), failure
    assert "NodeAffinity" in failure["message"]
    assert not condition(checkpoint.read(), "Stalled")
    kubectl.delete("sckpt", checkpoint.name)


def test_a_raised_level_is_proven_on_what_is_published(begun: None, kubectl: Kubectl) -> None:
    kubectl.apply(manifest("raised", tensor_parallel_size=1, verification="Digests"))
    checkpoint = Checkpoint(kubectl, "raised")
    before = checkpoint.wait_ready()
    assert condition(before, "Verified")["status"] == "Unknown"
    _patch(checkpoint, verification="Load")
    after = checkpoint.wait_ready()
    assert condition(after, "Verified")["status"] == "True"
    old, new = before["status"]["artifact"], after["status"]["artifact"]
    assert (new["path"], new["completedAt"], new["bytes"]) == (old["path"], old["completedAt"], old["bytes"])
    assert new["verifiedBy"] == "Load"
    kubectl.delete("sckpt", checkpoint.name)


def test_a_source_that_changes_between_the_stages_is_never_published_under_the_old_digest(
    begun: None, kubectl: Kubectl, cluster: Description
) -> None:
    upload_models(kubectl, "models", cluster.images["worker-prepare"], {"changing": ""})
    kubectl.apply(manifest("source-changes", path="changing", tensor_parallel_size=1, job={"queueName": "by-hand"}))
    checkpoint = Checkpoint(kubectl, "source-changes")

    def let_go(stage: str, number: int) -> None:
        """Admit the stage's Job of this number, as its queue."""
        job = wait_for(lambda: checkpoint.jobs(stage)[number - 1 :], bool, f"{stage} Job {number}", 600)[0]
        kubectl.run("patch", "job", job["metadata"]["name"], "--type=merge", '--patch={"spec":{"suspend":false}}')

    checkpoint.wait_reason("Queued", "by-hand")
    let_go("prepare", 1)
    before = wait_for(lambda: checkpoint.status.get("source"), bool, "the source")
    wait_for(lambda: checkpoint.jobs("shard"), bool, "a shard Job that waits")
    change = "p=/volume/changing/model-00002-of-00002.safetensors; s=$(stat -c %s $p); "
    change += "printf x | dd of=$p bs=1 seek=$((s-1)) conv=notrunc 2>/dev/null; test $(stat -c %s $p) = $s"
    _on_the_volume(kubectl, cluster, "models", change)
    let_go("shard", 1)
    checkpoint.wait_reason("SourceChanged", "changed")
    let_go("prepare", 2)
    let_go("shard", 2)
    status = checkpoint.wait_ready()["status"]
    assert status["source"]["digest"] != before["digest"]
    assert status["artifact"]["sourceRevision"] == status["source"]["digest"]
    kubectl.delete("sckpt", checkpoint.name)


def test_two_resources_with_one_folder_do_not_touch_each_other(begun: None, kubectl: Kubectl) -> None:
    output = {"persistentVolumeClaim": {"claimName": "shards"}, "path": "one-folder"}
    queue = {"queueName": "nobody-admits"}
    kubectl.apply(manifest("first-there", output=output, job=queue))
    first = Checkpoint(kubectl, "first-there")
    first.wait_reason("Queued", "nobody-admits")
    kubectl.apply(manifest("too-late", output={**output, "path": "one-folder/below", "historyLimit": 1}))
    second = Checkpoint(kubectl, "too-late")
    ready = second.wait_stalled()
    assert ready["reason"] == "NameConflict", ready
    assert "first-there" in ready["message"]
    assert not second.jobs()
    kubectl.delete("sckpt", "first-there")
    wait_for(second.jobs, bool, "a Job once the other one is gone")
    kubectl.delete("sckpt", "too-late")


def test_a_claim_that_goes_with_its_resource_takes_nobody_elses_artifact_along(
    begun: None, kubectl: Kubectl, cluster: Description
) -> None:
    create = {"size": "1Gi", "accessModes": ["ReadWriteMany"], "whenDeleted": "Delete"}
    if cluster.storage_class:
        create["storageClassName"] = cluster.storage_class
    own = {"persistentVolumeClaim": {"claimName": "owned", "create": create}}
    kubectl.apply(manifest("owner", output=own, job={"queueName": "nobody-admits"}))
    Checkpoint(kubectl, "owner").wait_reason("Queued", "nobody-admits")
    kubectl.apply(manifest("guest", output={"persistentVolumeClaim": {"claimName": "owned"}}))
    guest = Checkpoint(kubectl, "guest")
    ready = guest.wait_stalled()
    assert ready["reason"] == "NameConflict", ready
    assert "owner" in ready["message"]
    assert not guest.jobs()
    # The message says how to detach the claim; then it stays.
    kubectl.run("patch", "pvc", "owned", "--type=merge", '--patch={"metadata":{"ownerReferences":null}}')
    wait_for(guest.jobs, bool, "a Job of the guest")
    kubectl.run("delete", "sckpt", "owner", "--cascade=foreground", "--timeout=120s")
    assert kubectl.get("pvc", "owned")
    kubectl.delete("sckpt", "guest")


def test_what_a_queue_has_suspended_stays_so_until_the_queue_lets_it_go(begun: None, kubectl: Kubectl) -> None:
    kubectl.apply(manifest("default-queue", tensor_parallel_size=1, verification="Digests", suspend=True))
    checkpoint = Checkpoint(kubectl, "default-queue")
    checkpoint.wait_reason("Suspended", "")
    _patch(checkpoint, suspend=False, job={"queueName": "cluster-default"})
    job = wait_for(lambda: checkpoint.jobs("prepare"), bool, "a prepare Job")[0]["metadata"]
    checkpoint.wait_reason("Queued", "cluster-default")
    kubectl.run("patch", "job", job["name"], "--type=merge", '--patch={"spec":{"suspend":false}}')
    shard = wait_for(lambda: checkpoint.jobs("shard"), bool, "a shard Job", 600)[0]
    assert shard["spec"]["suspend"] is True
    kubectl.delete("sckpt", checkpoint.name)

"""A resource becomes Ready and its shards serve; repeated applies, a wiped status and a deletion do no harm."""

from __future__ import annotations

import json

import pytest

from tools.cluster.description import Description
from tools.testing.checkpoints import KIND, Checkpoint, condition, holds, manifest
from tools.testing.kubectl import Kubectl, KubectlError, Object
from tools.testing.pod_runs import run_worker
from tools.testing.tiny_llama import STORY
from tools.testing.vllm_server import ask, server_pod, wait_serving

NAME = "ready"
pytestmark = pytest.mark.creates(name=NAME)


def _uids(jobs: list[Object]) -> list[str]:
    return [job["metadata"]["uid"] for job in jobs]


def test_it_becomes_ready_and_reports_its_artifact(checkpoint: Checkpoint, cluster: Description) -> None:
    resource = checkpoint.wait_ready()
    for kind in ("Ready", "VolumeReady", "SourceReady", "ShardsComplete", "MetadataComplete", "Verified"):
        assert holds(resource, kind), condition(resource, kind)
    assert not condition(resource, "Reconciling")
    assert not condition(resource, "Stalled")
    artifact = resource["status"]["artifact"]
    assert artifact["claimName"] == "shards"
    assert artifact["path"].startswith(f"{checkpoint.kubectl.namespace}/{NAME}/")
    assert artifact["tensorParallelSize"] == 2
    assert artifact["verifiedBy"] == "Load"
    assert artifact["engineImage"] == cluster.images["worker-engine"]
    assert len(checkpoint.jobs("prepare")) == 1
    assert len(checkpoint.jobs("shard")) == 1


def test_its_pods_have_two_accelerators_and_no_token(checkpoint: Checkpoint, cluster: Description) -> None:
    checkpoint.wait_ready()
    (shard,) = checkpoint.pods("shard")
    assert shard["spec"]["containers"][0]["resources"]["limits"][cluster.accelerator] == "2"
    (prepare,) = checkpoint.pods("prepare")
    assert cluster.accelerator not in prepare["spec"]["containers"][0].get("resources", {}).get("limits", {})
    for one in (shard, prepare):
        assert one["spec"]["automountServiceAccountToken"] is False
        assert not [volume for volume in one["spec"]["volumes"] if "projected" in volume]


def test_the_files_are_on_the_volume(checkpoint: Checkpoint, kubectl: Kubectl, cluster: Description) -> None:
    path = checkpoint.wait_ready()["status"]["artifact"]["path"]
    image = cluster.images["worker-prepare"]
    run_worker(kubectl, "shards", image, "check", "--deep", f"/shards/{path}")
    parts = json.loads(run_worker(kubectl, "shards", image, "inspect", "--json", f"/shards/{path}"))["parts"]
    assert sorted(part["rank"] for part in parts) == [0, 1]


def test_another_parallel_size_is_rejected_before_serving(
    checkpoint: Checkpoint, kubectl: Kubectl, cluster: Description
) -> None:
    path = checkpoint.wait_ready()["status"]["artifact"]["path"]
    guard = ("check", f"/shards/{path}", "--for-serving", "--tensor-parallel-size")
    run_worker(kubectl, "shards", cluster.images["worker-engine"], *guard, "2")
    with pytest.raises(KubectlError, match=r"tensor.parallel"):
        run_worker(kubectl, "shards", cluster.images["worker-engine"], *guard, "1")


def test_a_stock_vllm_completes_from_the_shards_as_from_the_source(
    checkpoint: Checkpoint, kubectl: Kubectl, cluster: Description
) -> None:
    serving = checkpoint.wait_ready()["status"]["serving"]
    source = ["--model", "/models/tiny-llama", "--tensor-parallel-size", "2"]
    servers = {
        "from-shards": (serving["args"], serving["volume"]),
        "from-source": (source, {"claimName": "models", "mountPath": "/models"}),
    }
    completions = []
    for name, (arguments, volume) in servers.items():
        kubectl.apply(server_pod(name, cluster.images["worker-engine"], arguments, volume, cluster.accelerator, 2))
        wait_serving(kubectl, name)
        prompt = STORY.split(maxsplit=1)[0]
        completions.append(ask(kubectl, name, arguments[arguments.index("--model") + 1], prompt))
        kubectl.delete("pod", name, "--wait=false")
    assert completions[0] == completions[1]
    assert completions[0].text.split() == STORY.split()[1:]


def test_applying_it_again_starts_nothing(checkpoint: Checkpoint, kubectl: Kubectl) -> None:
    before, jobs = checkpoint.wait_ready(), _uids(checkpoint.jobs())
    kubectl.apply(manifest(NAME))
    kubectl.apply(manifest(NAME), flags=("--server-side", "--force-conflicts"))
    after = checkpoint.wait_ready()
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["status"] == before["status"]
    assert _uids(checkpoint.jobs()) == jobs


def test_a_wiped_status_is_restored_without_a_gpu(checkpoint: Checkpoint, kubectl: Kubectl) -> None:
    before, jobs = checkpoint.wait_ready(), _uids(checkpoint.jobs("shard"))
    kubectl.run("patch", KIND, NAME, "--subresource=status", "--type=merge", "--patch", '{"status":null}')
    after = checkpoint.wait_ready()
    assert after["status"]["artifact"]["manifestDigest"] == before["status"]["artifact"]["manifestDigest"]
    assert after["status"]["serving"] == before["status"]["serving"]
    assert _uids(checkpoint.jobs("shard")) == jobs


def test_deleting_it_keeps_the_data(checkpoint: Checkpoint, kubectl: Kubectl, cluster: Description) -> None:
    path = checkpoint.wait_ready()["status"]["artifact"]["path"]
    kubectl.run("delete", KIND, NAME, "--cascade=foreground", "--timeout=300s")
    assert not checkpoint.jobs()
    run_worker(kubectl, "shards", cluster.images["worker-prepare"], "check", f"/shards/{path}")

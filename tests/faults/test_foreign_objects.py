"""Objects with the operator's labels that it did not create: they change nothing and cause no request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from shardwright_worker.contract.report import ArtifactReport, Report, SourceReport
from tests.faults.testbed import NO_ELECTION, SharedCluster, new_testbed, running_operators
from tools.cluster.api import wait_until
from tools.testing.api_requests import ApiRequest
from tools.testing.history_recorder import LABEL
from tools.testing.namespace import Namespace
from tools.testing.pod_outcomes import RUNNING, Outcome
from tools.testing.scenario import outcome_of

HELD = "held"
KEY = "e" * 16
POD = {
    "restartPolicy": "Never",
    "containers": [{"name": "worker", "image": "i"}],
    "automountServiceAccountToken": False,
}


@pytest.fixture
def release(cluster: SharedCluster) -> Iterator[list[bool]]:
    """The pods of the resource `held` run until this list is not empty."""
    released: list[bool] = []

    def script(pod: Mapping[str, Any]) -> Outcome:
        held = pod["metadata"]["labels"][LABEL] == HELD and not released
        return RUNNING if held else outcome_of(pod)

    before, cluster.kubelet.script = cluster.kubelet.script, script
    yield released
    cluster.kubelet.script = before


def forged_report() -> str:
    """Return the report of a success that did not happen."""
    source = SourceReport(digest="e" * 64, revision="e" * 64, path="llama", volume="source", bytes=1, files=1)
    artifact = ArtifactReport(
        key=KEY,
        path="evil/backdoored",
        manifest_digest="0" * 64,
        bytes=1,
        files=1,
        vllm_version="0.33.0",
        accelerator="mallory",
        verified_by="Load",
        completed_at="2026-01-01T00:00:00Z",
    )
    return Report(stage="Prepare", succeeded=True, key=KEY, source=source, artifact=artifact).to_text()


def labels_of(resource: Any, job: str) -> dict[str, str]:
    """Return the labels of a pod of the resource's Job."""
    uid = resource["metadata"]["uid"]
    return {
        "shardwright.io/checkpoint-uid": uid,
        "shardwright.io/attempt": "999999998",
        "batch.kubernetes.io/job-name": job,
        "job-name": job,
    }


def forge_pod(namespace: Namespace, name: str, resource: Any, job: str, ended: bool) -> None:
    """Create a pod that equals the Job's in every field that other users may set."""
    body = {"metadata": {"name": name, "labels": labels_of(resource, job)}, "spec": POD}
    namespace.api.call("POST", namespace.path("pods"), body)
    started = {"startedAt": "2026-01-01T00:00:00Z"}
    state: dict[str, Any] = {"running": started}
    if ended:
        state = {
            "terminated": {**started, "exitCode": 0, "message": forged_report(), "finishedAt": "2026-01-01T00:00:01Z"}
        }
    container = {"name": "worker", "image": "i", "imageID": "i", "ready": False, "restartCount": 0, "state": state}
    status = {"phase": "Succeeded" if ended else "Running", "containerStatuses": [container]}
    path = f"{namespace.path('pods', name)}/status"
    namespace.api.call("PATCH", path, {"status": status}, "application/merge-patch+json")


def forge_job(namespace: Namespace, name: str, resource: Any, **metadata: Any) -> None:
    """Create a Job that does not finish and equals the resource's."""
    labels = labels_of(resource, name)
    spec = {"suspend": True, "template": {"spec": POD}}
    body = {"metadata": {"name": name, "labels": labels, "finalizers": ["example.com/stay"], **metadata}, "spec": spec}
    namespace.api.call("POST", namespace.path("jobs"), body)


def test_forged_pods_and_jobs_change_nothing_and_cause_no_request(cluster: SharedCluster, release: list[bool]) -> None:
    with new_testbed(cluster, count=2) as testbed, running_operators(testbed, NO_ELECTION):
        ours, theirs = testbed.namespaces
        resource = ours.create(HELD)
        wait_until(lambda: "Running" in str(ours.read(HELD).get("status", {}).get("conditions")), "the pod running", 60)
        (job,) = ours.jobs(HELD)
        name = job["metadata"]["name"]
        reference = {
            "apiVersion": "shardwright.io/v1alpha1",
            "kind": "ShardedCheckpoint",
            "name": HELD,
            "uid": resource["metadata"]["uid"],
            "controller": True,
        }
        before = len(testbed.proxy.log.requests)
        forge_job(theirs, "forged-by-reference", resource, ownerReferences=[reference])
        forge_job(theirs, name, resource)
        forge_job(ours, "forged-by-label", resource)
        for namespace in (ours, theirs):
            for number in range(3):
                forge_pod(namespace, f"forged-runs-{number}", resource, name, ended=False)
                forge_pod(namespace, f"forged-ended-{number}", resource, name, ended=True)
        # Objects that are created after them follow them in every watch.
        for namespace in (ours, theirs):
            namespace.create("good")
            namespace.wait("good")
        requests = testbed.proxy.log.requests[before:]
        assert not [request for request in requests if _about(request, "forged") or _reads_one(request, theirs, name)]
        assert not [request for request in requests if request.writes and request.object_name() == HELD], (
            "nothing about it has changed"
        )
        assert ours.read(HELD)["status"]["attempt"] == 1
        release.append(True)
        ready = ours.wait(HELD)
        status = ready["status"]
        assert status["artifact"]["path"] in cluster.kubelet.volumes.artifacts[ours.name, "shards"]
        assert "evil" not in str(status)
        assert "mallory" not in str(status)
        assert status["attempt"] == 2
        assert not [request for request in testbed.proxy.log.requests if _about(request, "forged")]
        for namespace in (ours, theirs):
            _remove_finalizers(namespace)


def _about(request: ApiRequest, word: str) -> bool:
    return word in request.path or word in request.object_name()


def _reads_one(request: ApiRequest, namespace: Namespace, name: str) -> bool:
    return request.namespace == namespace.name and request.name == name


def _remove_finalizers(namespace: Namespace) -> None:
    for job in namespace.objects("jobs"):
        if job["metadata"].get("finalizers"):
            path = namespace.path("jobs", job["metadata"]["name"])
            namespace.api.call("PATCH", path, {"metadata": {"finalizers": None}}, "application/merge-patch+json")

"""Objects with our labels that are not ours: they change nothing and cost no call, whoever made them wherever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from shardwright_worker.contract.report import ArtifactReport, Report, SourceReport
from tests.faults.stage import ALONE, Theatre, serving, stage
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
def release(theatre: Theatre) -> Iterator[list[bool]]:
    """The pods of the resource `held` run until this is filled."""
    released: list[bool] = []

    def script(pod: Mapping[str, Any]) -> Outcome:
        held = pod["metadata"]["labels"][LABEL] == HELD and not released
        return RUNNING if held else outcome_of(pod)

    before, theatre.kubelet.script = theatre.kubelet.script, script
    yield released
    theatre.kubelet.script = before


def lie() -> str:
    """The report of a success that never was."""
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
    uid = resource["metadata"]["uid"]
    return {
        "shardwright.io/checkpoint-uid": uid,
        "shardwright.io/attempt": "999999998",
        "batch.kubernetes.io/job-name": job,
        "job-name": job,
    }


def forge_pod(namespace: Namespace, name: str, resource: Any, job: str, ended: bool) -> None:
    """A pod that looks like the Job's, by all that a stranger may set."""
    body = {"metadata": {"name": name, "labels": labels_of(resource, job)}, "spec": POD}
    namespace.api.call("POST", namespace.path("pods"), body)
    began = {"startedAt": "2026-01-01T00:00:00Z"}
    state: dict[str, Any] = {"running": began}
    if ended:
        state = {"terminated": {**began, "exitCode": 0, "message": lie(), "finishedAt": "2026-01-01T00:00:01Z"}}
    container = {"name": "worker", "image": "i", "imageID": "i", "ready": False, "restartCount": 0, "state": state}
    status = {"phase": "Succeeded" if ended else "Running", "containerStatuses": [container]}
    path = f"{namespace.path('pods', name)}/status"
    namespace.api.call("PATCH", path, {"status": status}, "application/merge-patch+json")


def forge_job(namespace: Namespace, name: str, resource: Any, **metadata: Any) -> None:
    """A Job that never ends and looks like the resource's."""
    labels = labels_of(resource, name)
    spec = {"suspend": True, "template": {"spec": POD}}
    body = {"metadata": {"name": name, "labels": labels, "finalizers": ["example.com/stay"], **metadata}, "spec": spec}
    namespace.api.call("POST", namespace.path("jobs"), body)


def test_forged_pods_and_jobs_change_nothing_and_cost_no_call(theatre: Theatre, release: list[bool]) -> None:
    with stage(theatre, count=2) as play, serving(play, ALONE):
        ours, theirs = play.namespaces
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
        before = len(play.proxy.record.calls)
        forge_job(theirs, "forged-by-reference", resource, ownerReferences=[reference])
        forge_job(theirs, name, resource)
        forge_job(ours, "forged-by-label", resource)
        for namespace in (ours, theirs):
            for number in range(3):
                forge_pod(namespace, f"forged-runs-{number}", resource, name, ended=False)
                forge_pod(namespace, f"forged-ended-{number}", resource, name, ended=True)
        # What is made after them comes after them in every watch.
        for namespace in (ours, theirs):
            namespace.create("good")
            namespace.wait("good")
        calls = play.proxy.record.calls[before:]
        assert not [call for call in calls if _about(call, "forged") or _reads_one(call, theirs, name)]
        assert not [call for call in calls if call.writes and call.target() == HELD], "nothing about it has changed"
        assert ours.read(HELD)["status"]["attempt"] == 1
        release.append(True)
        ready = ours.wait(HELD)
        status = ready["status"]
        assert status["artifact"]["path"] in theatre.kubelet.volumes.artifacts[ours.name, "shards"]
        assert "evil" not in str(status)
        assert "mallory" not in str(status)
        assert status["attempt"] == 2
        assert not [call for call in play.proxy.record.calls if _about(call, "forged")]
        for namespace in (ours, theirs):
            _let_go(namespace)


def _about(call: ApiRequest, word: str) -> bool:
    return word in call.path or word in call.target()


def _reads_one(call: ApiRequest, namespace: Namespace, name: str) -> bool:
    return call.namespace == namespace.name and call.name == name


def _let_go(namespace: Namespace) -> None:
    for job in namespace.objects("jobs"):
        if job["metadata"].get("finalizers"):
            path = namespace.path("jobs", job["metadata"]["name"])
            namespace.api.call("PATCH", path, {"metadata": {"finalizers": None}}, "application/merge-patch+json")

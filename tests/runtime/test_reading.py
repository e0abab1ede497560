"""What only working resources cost: progress lines, warnings, and who mounts a claim."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shardwright_operator.decide.observed import Config, Pod
from shardwright_operator.kube import convert
from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.kinds import CHECKPOINTS
from shardwright_operator.kube.live_reads import (
    PATIENCE,
    last_progress,
    read_progress_lines,
    read_warnings,
)
from shardwright_operator.kube.mounts import mounted_path, read_claim_users
from shardwright_operator.kube.notes import Notes, NotesStore
from shardwright_operator.kube.observer import Observer
from shardwright_worker.contract.progress_line import Progress, Stage
from tools.cluster.api import wait_until
from tools.control_plane.plane import Plane
from tools.testing.checkpoints import manifest
from tools.testing.kubelet import Kubelet, by_stage
from tools.testing.namespace import Namespace
from tools.testing.operator import Operator
from tools.testing.pod_outcomes import waiting

OLD = datetime.now(UTC) - timedelta(hours=1)
POD = Pod("model-x", "uid-x", "model", "Running", OLD, started_at=OLD)


def test_the_last_progress_line_counts() -> None:
    lines = [
        Progress(stage=Stage.LOADING).to_line(),
        "INFO vLLM says something",
        Progress(stage=Stage.SAVING, ranks_done=1).to_line(),
        '{"shardwright": "else"}',
    ]
    found = last_progress("\n".join(lines))
    assert found is not None
    assert (found.stage, found.ranks_done) == (Stage.SAVING, 1)
    assert last_progress("nothing of ours\n") is None


async def test_nothing_is_read_of_what_does_not_run_or_has_just_begun(client: Client, namespace: Namespace) -> None:
    calls: list[str] = []
    client._on_call = lambda verb, *_: calls.append(verb)
    ended, young = replace(POD, phase="Succeeded"), replace(POD, started_at=datetime.now(UTC))
    assert await read_progress_lines(client, namespace.name, Notes(), [ended], 0.0, 5.0) is None
    assert await read_progress_lines(client, namespace.name, Notes(), [young], 0.0, 5.0) == PATIENCE
    assert not calls


async def test_progress_is_read_once_in_an_interval_and_a_mute_node_is_no_failure(
    client: Client, namespace: Namespace
) -> None:
    calls: list[str] = []
    client._on_call = lambda verb, *_: calls.append(verb)
    notes = Notes()
    assert await read_progress_lines(client, namespace.name, notes, [POD], 100.0, 5.0) == 5.0
    assert await read_progress_lines(client, namespace.name, notes, [POD], 102.0, 5.0) == pytest.approx(3.0)
    assert calls == ["log"]


async def test_what_waits_is_asked_about_after_a_while_and_then_ever_less_often(
    client: Client, namespace: Namespace
) -> None:
    calls: list[str] = []
    client._on_call = lambda verb, *_: calls.append(verb)
    notes, pending = Notes(), replace(POD, phase="Pending", created_at=datetime.now(UTC))
    assert await read_warnings(client, namespace.name, notes, [pending], 0.0) == pytest.approx(PATIENCE, abs=1)
    pauses = []
    now = PATIENCE
    for _ in range(5):
        pause = await read_warnings(client, namespace.name, notes, [pending], now)
        assert pause is not None
        pauses.append(pause)
        now += pause
    assert pauses == [10.0, 20.0, 40.0, 60.0, 60.0]
    assert calls == ["list"] * 5
    assert await read_warnings(client, namespace.name, notes, [], now) is None


async def test_what_has_waited_since_before_the_operator_started_is_asked_about_at_once(
    client: Client, namespace: Namespace
) -> None:
    calls: list[str] = []
    client._on_call = lambda verb, *_: calls.append(verb)
    await read_warnings(client, namespace.name, Notes(), [replace(POD, phase="Pending")], 0.0)
    assert calls == ["list"]


def _server(name: str, mount: dict[str, str], owner: Any = None, **labels: str) -> dict[str, Any]:
    env = [{"name": "KEY", "value": "k1"}, {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
    env += [{"name": "SELF", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    mounts = [{"name": "v", "mountPath": "/models", **mount}]
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "shards"}}
    containers = [{"name": "c", "image": "i", "volumeMounts": mounts, "env": env}]
    spec = {"containers": containers, "volumes": [volume], "automountServiceAccountToken": False}
    reference = {"apiVersion": "batch/v1", "kind": "Job", "controller": True}
    owners = [{**reference, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}] if owner else []
    return {"metadata": {"name": name, "labels": labels, "ownerReferences": owners}, "spec": spec}


async def test_what_pods_mount_is_found_but_not_what_workers_do(client: Client, namespace: Namespace) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "worker", "image": "i"}]}}
    # Nobody manages this Job, so nobody takes its pod for one too many.
    body = {"metadata": {"name": "job"}, "spec": {"managedBy": "example.com/nobody", "template": template}}
    job = namespace.api.call("POST", namespace.path("jobs"), body)
    label = {"shardwright.io/checkpoint-uid": "uid"}
    for one in (
        _server("one", {"subPath": "a/b"}),
        _server("two", {"subPath": "a//b/."}),
        _server("labelled", {"subPath": "x"}, **label),
        _server("worker", {"subPath": "y"}, job, **label),
    ):
        namespace.api.call("POST", namespace.path("pods"), one)
    workers = {job["metadata"]["uid"]}
    assert await read_claim_users(client, namespace.name, workers) == {"shards": ("a/b", "x")}
    assert await read_claim_users(client, namespace.name) == {"shards": ("a/b", "x", "y")}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("models/llama/$(KEY)", "models/llama/k1"),
        ("models/$(SELF)/./$(KEY)", "models/pod/k1"),
        ("models/$(SECRET)", ""),
        ("models/$(ABSENT)", ""),
        ("models/$$(KEY)", ""),
        ("plain/path", "plain/path"),
    ],
)
def test_a_path_of_variables_is_known_where_their_values_are(expression: str, found: str) -> None:
    pod = _server("pod", {"subPathExpr": expression})
    (container,) = pod["spec"]["containers"]
    assert mounted_path(pod, container, container["volumeMounts"][0]) == found


def test_a_pod_that_a_quota_forbids_is_explained_by_the_jobs_event(served: Plane, namespace: Namespace) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    namespace.api.call("POST", namespace.path("resourcequotas"), quota)
    path = namespace.path("resourcequotas", "none")
    wait_until(lambda: "hard" in namespace.api.call("GET", path).get("status", {}), "the quota being counted", 60)
    with Operator(served.kubeconfig, f"--namespaces={namespace.name}", "--leader-elect=false") as operator:
        operator.wait_ready()
        namespace.create("model")
        found = namespace.wait("model", reason="PodNotCreated")
        assert "exceeded quota" in str(found["status"]["conditions"])
        namespace.delete("resourcequotas", "none")
        with Kubelet(served.api, namespace=namespace.name):
            namespace.wait("model")


def test_a_container_that_waits_says_why(served: Plane, namespace: Namespace) -> None:
    script = by_stage(prepare=waiting("ImagePullBackOff", "no such image: prepare:test"))
    options = (f"--namespaces={namespace.name}", "--leader-elect=false")
    with (
        Operator(served.kubeconfig, *options) as operator,
        Kubelet(served.api, script, namespace=namespace.name) as kubelet,
    ):
        operator.wait_ready()
        namespace.create("model")
        found = namespace.wait("model", reason="ImagePullFailed")
        assert "no such image" in str(found["status"]["conditions"])
        kubelet.script = by_stage()
        namespace.wait("model")


async def test_resources_whose_folders_overlap_are_seen_and_others_are_not(
    client: Client, namespace: Namespace
) -> None:
    cache = Cache()
    paths = {"ours": "a/b", "same": "a//b/", "above": "a", "below": "a/b/c/d", "beside": "a/bc", "far": ""}
    for name, path in paths.items():
        output = {"persistentVolumeClaim": {"claimName": "shards"}, **({"path": path} if path else {})}
        raw = manifest(name, output=output)
        raw["metadata"] |= {"namespace": namespace.name, "uid": name, "resourceVersion": "1"}
        cache.put(CHECKPOINTS, convert.resource(raw))
    observer = Observer(client, cache, NotesStore(), Config("engine:test", "prepare:test"))
    sight = await observer.observe(Key(namespace.name, "ours"))
    assert sight is not None
    assert {one.name for one in sight.observed.neighbors} == {"same", "above", "below"}
    assert sight.observed.claim_users is None

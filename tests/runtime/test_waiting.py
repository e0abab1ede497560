"""What a resource waits for: Events explain it, read less and less often."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shardwright_operator.decide.observed import Pod
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.notes import Notes
from shardwright_operator.kube.waiting import FIRST_READ, read_warnings
from tools.cluster.api import wait_until
from tools.control_plane.control_plane import ControlPlane
from tools.testing.kubelet import Kubelet, by_stage
from tools.testing.namespace import Namespace
from tools.testing.operator import Operator
from tools.testing.pod_outcomes import waiting

OLD = datetime.now(UTC) - timedelta(hours=1)
POD = Pod("model-x", "uid-x", "model", "Running", OLD, started_at=OLD)


async def test_events_are_read_after_a_while_and_then_less_and_less_often(client: Client, namespace: Namespace) -> None:
    calls: list[str] = []
    client._on_call = lambda verb, *_: calls.append(verb)
    notes, pending = Notes(), replace(POD, phase="Pending", created_at=datetime.now(UTC))
    assert await read_warnings(client, namespace.name, notes, [pending], 0.0) == pytest.approx(FIRST_READ, abs=1)
    pauses = []
    now = FIRST_READ
    for _ in range(5):
        pause = await read_warnings(client, namespace.name, notes, [pending], now)
        assert pause is not None
        pauses.append(pause)
        now += pause
    assert pauses == [10.0, 20.0, 40.0, 60.0, 60.0]
    assert calls == ["list"] * 5
    assert await read_warnings(client, namespace.name, notes, [], now) is None


async def test_events_are_read_at_once_for_what_has_waited_since_before_the_operator_started(
    client: Client, namespace: Namespace
) -> None:
    calls: list[str] = []
    client._on_call = lambda verb, *_: calls.append(verb)
    await read_warnings(client, namespace.name, Notes(), [replace(POD, phase="Pending")], 0.0)
    assert calls == ["list"]


def test_a_pod_rejected_by_a_quota_is_explained_by_an_event_of_its_job(
    served: ControlPlane, namespace: Namespace
) -> None:
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


def test_a_waiting_container_is_explained_by_its_own_state(served: ControlPlane, namespace: Namespace) -> None:
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

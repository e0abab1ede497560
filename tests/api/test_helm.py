"""Helm upgrades, rolls back and uninstalls the operator: no resource notices, and none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tools.chart.rendering import CHART, NAMESPACE, helm, set_flags
from tools.cluster.api import wait_until
from tools.control_plane.control_plane import ControlPlane
from tools.testing.kubelet import Kubelet
from tools.testing.namespace import Namespace
from tools.testing.operator import Operator

_RELEASE = "shardwright"
_DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{_RELEASE}"


@pytest.fixture(scope="module")
def cluster() -> Iterator[ControlPlane]:
    """A control plane on which Helm alone installs what is needed."""
    with ControlPlane() as plane, Kubelet(plane.api):
        yield plane


def _helm(plane: ControlPlane, *words: Any) -> None:
    helm(*words, f"--kubeconfig={plane.kubeconfig}", f"--namespace={NAMESPACE}")


def _served(plane: ControlPlane, namespace: Namespace, image: str) -> Any:
    """Run an operator of this release until it has nothing to do. Return the resource as it is then."""
    options = ("--leader-elect=false", f"--engine-image={image}", f"--namespaces={namespace.name}")
    with Operator(plane.kubeconfig, *options) as operator:
        operator.wait_ready()
        namespace.wait("kept")
        wait_until(lambda: operator.idle_after(1), "the resource being reconciled", 60)
    return namespace.read("kept")


def _image(plane: ControlPlane) -> str:
    (container,) = plane.api.call("GET", _DEPLOYMENT)["spec"]["template"]["spec"]["containers"]
    return str(next(word for word in container["args"] if word.startswith("--engine-image=")).partition("=")[2])


def test_no_upgrade_and_no_rollback_touches_a_resource(cluster: ControlPlane) -> None:
    _helm(cluster, "install", _RELEASE, CHART, "--create-namespace", *set_flags(("worker.engineImage=engine:1",)))
    namespace = Namespace(cluster.api)
    namespace.create("kept")
    before, jobs = _served(cluster, namespace, _image(cluster)), namespace.jobs("kept")
    for command, image in (
        (("upgrade", _RELEASE, CHART, *set_flags(("worker.engineImage=engine:2", "replicas=2"))), "engine:2"),
        (("rollback", _RELEASE, "1"), "engine:1"),
    ):
        _helm(cluster, *command)
        assert _image(cluster) == image
        assert _served(cluster, namespace, image) == before
        assert [job["metadata"]["uid"] for job in namespace.jobs("kept")] == [job["metadata"]["uid"] for job in jobs]
    _helm(cluster, "uninstall", _RELEASE)
    assert not cluster.api.answers(_DEPLOYMENT)
    assert namespace.read("kept") == before

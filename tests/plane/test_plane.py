"""The control plane for tests: it starts, keeps its data, and its components can crash and be restarted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.control_plane.control_plane import ControlPlane


@pytest.fixture(scope="module")
def own_plane() -> Iterator[ControlPlane]:
    """A control plane of this module, since its components are killed."""
    with ControlPlane() as running:
        yield running


def _create_namespace(plane: ControlPlane, name: str) -> None:
    plane.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})


def test_a_namespace_is_created(own_plane: ControlPlane) -> None:
    _create_namespace(own_plane, "first")
    assert own_plane.api.call("GET", "/api/v1/namespaces/first")["status"]["phase"] == "Active"


@pytest.mark.parametrize("component", ["kube-apiserver", "etcd"])
def test_a_crash_loses_no_data(own_plane: ControlPlane, component: str) -> None:
    _create_namespace(own_plane, f"before-{component}")
    own_plane.restart(component)
    assert own_plane.api.answers(f"/api/v1/namespaces/before-{component}")


def test_a_stopped_api_server_is_not_ready(own_plane: ControlPlane) -> None:
    own_plane.stop("kube-apiserver")
    assert not own_plane.api.ready()
    own_plane.start("kube-apiserver")
    own_plane.wait_ready()

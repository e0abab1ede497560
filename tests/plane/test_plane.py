"""The plane itself: it starts, keeps what is written, and its parts can crash and come back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.control_plane.plane import Plane


@pytest.fixture(scope="module")
def own_plane() -> Iterator[Plane]:
    with Plane() as running:
        yield running


def _create_namespace(plane: Plane, name: str) -> None:
    plane.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})


def test_a_namespace_is_created(own_plane: Plane) -> None:
    _create_namespace(own_plane, "first")
    assert own_plane.api.call("GET", "/api/v1/namespaces/first")["status"]["phase"] == "Active"


@pytest.mark.parametrize("part", ["kube-apiserver", "etcd"])
def test_a_crash_loses_nothing(own_plane: Plane, part: str) -> None:
    _create_namespace(own_plane, f"before-{part}")
    own_plane.restart(part)
    assert own_plane.api.answers(f"/api/v1/namespaces/before-{part}")


def test_stopping_the_api_server_is_noticed(own_plane: Plane) -> None:
    own_plane.stop("kube-apiserver")
    assert not own_plane.api.ready()
    own_plane.start("kube-apiserver")
    own_plane.wait_ready()

"""Fixtures of the tests of the resource: a control plane that serves it, a namespace, messages of rejections."""

from __future__ import annotations

import json
import urllib.error
from typing import Any

import pytest

from tools.control_plane.control_plane import ControlPlane
from tools.testing.namespace import Namespace, install_crd


@pytest.fixture(scope="session")
def served(plane: ControlPlane) -> ControlPlane:
    """A control plane that serves ShardedCheckpoints."""
    install_crd(plane.api)
    return plane


@pytest.fixture(scope="module")
def namespace(served: ControlPlane) -> Namespace:
    """A namespace for one module."""
    return Namespace(served.api, claims=())


def refusal(namespace: Namespace, method: str, path: str, body: Any, kind: str = "application/json") -> str:
    """Return the message with which the API server rejects a request, empty if it accepts it. Nothing is stored."""
    try:
        namespace.api.call(method, f"{path}?dryRun=All&fieldValidation=Strict", body, kind)
    except urllib.error.HTTPError as error:
        answer = json.loads(error.read())
        return str(answer["message"])
    return ""

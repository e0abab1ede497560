"""What the tests of the resource share: a plane on which it is served, a namespace, and what its users are told."""

from __future__ import annotations

import json
import urllib.error
from typing import Any

import pytest

from tools.control_plane.plane import Plane
from tools.testing.namespace import Namespace, install_crd


@pytest.fixture(scope="session")
def served(plane: Plane) -> Plane:
    """A plane on which ShardedCheckpoints are served."""
    install_crd(plane.api)
    return plane


@pytest.fixture(scope="module")
def namespace(served: Plane) -> Namespace:
    """A namespace of the module's own."""
    return Namespace(served.api, claims=())


def refusal(namespace: Namespace, method: str, path: str, body: Any, kind: str = "application/json") -> str:
    """What the API server tells a user who asks for this, empty if it takes it; nothing is stored."""
    try:
        namespace.api.call(method, f"{path}?dryRun=All&fieldValidation=Strict", body, kind)
    except urllib.error.HTTPError as error:
        answer = json.loads(error.read())
        return str(answer["message"])
    return ""

"""What the runtime's tests share: a plane with the CRD, a namespace, a client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.credentials import load_credentials
from tools.control_plane.plane import Plane
from tools.testing.namespace import Namespace, install_crd


@pytest.fixture(scope="session")
def served(plane: Plane) -> Plane:
    """A plane on which ShardedCheckpoints are served."""
    install_crd(plane.api)
    return plane


@pytest.fixture
def namespace(served: Plane) -> Namespace:
    """A namespace of the test's own."""
    return Namespace(served.api)


@pytest.fixture
async def client(plane: Plane) -> AsyncIterator[Client]:
    """The operator's client, as administrator."""
    client = Client(load_credentials(str(plane.kubeconfig)))
    yield client
    await client.close()

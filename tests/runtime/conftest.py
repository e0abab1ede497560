"""What these tests share: a control plane with the CRD, a namespace, a client, a replica, the operator's process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.credentials import load_credentials
from tests.runtime.replica import Replica
from tools.control_plane.control_plane import ControlPlane
from tools.testing.kubelet import Kubelet
from tools.testing.namespace import Namespace, install_crd
from tools.testing.operator import Operator

_QUICK_LEASE = ("--lease-duration=4", "--renew-deadline=3", "--retry-period=0.5")


@pytest.fixture(scope="session")
def served(plane: ControlPlane) -> ControlPlane:
    """A plane on which ShardedCheckpoints are served."""
    install_crd(plane.api)
    return plane


@pytest.fixture
def namespace(served: ControlPlane) -> Namespace:
    """A namespace of the test's own."""
    return Namespace(served.api)


@pytest.fixture
async def client(plane: ControlPlane) -> AsyncIterator[Client]:
    """The operator's client, as administrator."""
    client = Client(load_credentials(str(plane.kubeconfig)))
    yield client
    await client.close()


@pytest.fixture
def replica(client: Client, namespace: Namespace) -> Replica:
    """A replica whose cache has the resource "model" as it was created."""
    namespace.create("model")
    replica = Replica(client, namespace)
    replica.sync()
    return replica


@pytest.fixture
def kubelet(served: ControlPlane, namespace: Namespace) -> Iterator[Kubelet]:
    """A kubelet that runs the pods of this namespace, as its script says."""
    with Kubelet(served.api, namespace=namespace.name) as kubelet:
        yield kubelet


@pytest.fixture
def operator(served: ControlPlane, namespace: Namespace) -> Iterator[Operator]:
    """The operator as a process for this namespace, ready, which tries again quickly."""
    options = (
        f"--namespaces={namespace.name}",
        f"--lease-namespace={namespace.name}",
        "--retry-base=1",
        *_QUICK_LEASE,
    )
    with Operator(served.kubeconfig, *options) as operator:
        operator.wait_ready()
        yield operator

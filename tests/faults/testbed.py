"""A control plane with simulated pods and a history recorder, and operators that reach it through a faulty proxy."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.control_plane.control_plane import ControlPlane
from tools.testing.api_requests import ApiRequest
from tools.testing.history_recorder import HistoryRecorder
from tools.testing.invariants import find_violations
from tools.testing.kubelet import Kubelet
from tools.testing.namespace import Namespace, install_crd
from tools.testing.operator import Operator
from tools.testing.proxy import Proxy
from tools.testing.scenario import RESOURCES, FinalState, outcome_of, run_scenario

# Short intervals, so that a test does not wait as long as a cluster may.
_SHORT_INTERVALS = ("--retry-base=1", "--request-timeout=5", "--relist-interval=5", "--log-level=info")
NO_ELECTION = "--leader-elect=false"


@dataclass(frozen=True)
class SharedCluster:
    """What all testbeds share."""

    plane: ControlPlane
    kubelet: Kubelet
    recorder: HistoryRecorder


@contextmanager
def shared_cluster() -> Iterator[SharedCluster]:
    """Start a control plane for these tests alone, since they kill its components."""
    # The Job controller's default of 20 requests a second would limit the speed of all tests.
    # https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/
    plane = ControlPlane(controller_flags=("--kube-api-qps=500", "--kube-api-burst=1000", "--concurrent-job-syncs=20"))
    with plane, Kubelet(plane.api, outcome_of) as kubelet, HistoryRecorder(plane.api) as recorder:
        install_crd(plane.api)
        yield SharedCluster(plane, kubelet, recorder)


class Testbed:
    """Namespaces and the operators that serve them, behind one proxy."""

    __test__ = False  # not a test class

    def __init__(self, cluster: SharedCluster, namespaces: Sequence[Namespace], proxy: Proxy, kubeconfig: Path) -> None:
        self.cluster, self.namespaces, self.proxy = cluster, namespaces, proxy
        self._kubeconfig = kubeconfig

    def operator(self, *options: str) -> Operator:
        """Return an operator for these namespaces, not started yet."""
        names = ",".join(namespace.name for namespace in self.namespaces)
        return Operator(self._kubeconfig, f"--namespaces={names}", *_SHORT_INTERVALS, *options)

    @property
    def namespace(self) -> Namespace:
        """The only namespace."""
        (namespace,) = self.namespaces
        return namespace

    def run(self) -> dict[str, FinalState]:
        """Run the scenario in the only namespace, and return the final states."""
        return run_checked(self.cluster, self.namespace)


def run_checked(
    cluster: SharedCluster, namespace: Namespace, resources: Mapping[str, Mapping[str, Any]] = RESOURCES
) -> dict[str, FinalState]:
    """Run the scenario in a namespace, fail if an invariant was violated, and return the final states."""
    states = run_scenario(namespace, cluster.recorder, resources)
    violations = find_violations(cluster.recorder.versions(namespace.name), cluster.kubelet.volumes)
    assert not violations, "\n".join(violations)
    return states


@contextmanager
def new_testbed(cluster: SharedCluster, count: int = 1) -> Iterator[Testbed]:
    """Create a testbed with this number of new namespaces; no operator runs yet."""
    plane = cluster.plane
    with ExitStack() as stack:
        proxy = stack.enter_context(Proxy(plane.url, plane.ca))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        namespaces = [Namespace(plane.api) for _ in range(count)]
        kubeconfig = proxy.kubeconfig(plane.token, folder / "kubeconfig", namespaces[0].name)
        yield Testbed(cluster, namespaces, proxy, kubeconfig)


@contextmanager
def running_operators(testbed: Testbed, *options: str, operators: int = 1) -> Iterator[Sequence[Operator]]:
    """Start this number of operators and wait until they are ready."""
    with ExitStack() as stack:
        running = [stack.enter_context(testbed.operator(*options)) for _ in range(operators)]
        for operator in running:
            operator.wait_ready()
        yield running


def jobs_created_twice(requests: Sequence[ApiRequest]) -> list[str]:
    """Return the names of Jobs for which the API server accepted two creations.

    The resource that is deleted in the scenario is left out: it may be deleted between the operator's read and its
    creation of the Job; the garbage collector then deletes the first Job, and the second after it.
    """
    created = [one.object_name() for one in requests if one.operation == "create jobs" and one.code == 201]
    return sorted({name for name in created if created.count(name) > 1 and not name.startswith("deleted-")})

"""Where the play is played: a control plane with simulated pods and a witness, and operators behind a proxy."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.cluster.api import wait_until
from tools.control_plane.plane import Plane
from tools.testing.api_requests import ApiRequest
from tools.testing.faults import Rule
from tools.testing.history_recorder import HistoryRecorder
from tools.testing.invariants import find_violations
from tools.testing.kubelet import Kubelet
from tools.testing.namespace import Namespace, install_crd
from tools.testing.operator import Operator
from tools.testing.proxy import Proxy
from tools.testing.scenario import RESOURCES, End, outcome_of, play

# Quick to try again, quick to list: a test need not wait as long as a cluster may.
_HASTE = ("--retry-base=1", "--request-timeout=5", "--relist-interval=5", "--log-level=info")
ALONE = "--leader-elect=false"


@dataclass(frozen=True)
class Theatre:
    """What all plays share."""

    plane: Plane
    kubelet: Kubelet
    witness: HistoryRecorder


@contextmanager
def theatre() -> Iterator[Theatre]:
    """A control plane of its own, since its parts are to be killed."""
    # The Job controller's default of 20 calls a second would set the pace.
    plane = Plane(controller_flags=("--kube-api-qps=500", "--kube-api-burst=1000", "--concurrent-job-syncs=20"))
    with plane, Kubelet(plane.api, outcome_of) as kubelet, HistoryRecorder(plane.api) as witness:
        install_crd(plane.api)
        yield Theatre(plane, kubelet, witness)


class Stage:
    """Namespaces with the operators that serve them, all behind one proxy."""

    def __init__(self, theatre: Theatre, namespaces: Sequence[Namespace], proxy: Proxy, kubeconfig: Path) -> None:
        self.theatre, self.namespaces, self.proxy = theatre, namespaces, proxy
        self._kubeconfig = kubeconfig

    def operator(self, *options: str) -> Operator:
        """An operator for these namespaces, not started yet."""
        spaces = ",".join(namespace.name for namespace in self.namespaces)
        return Operator(self._kubeconfig, f"--namespaces={spaces}", *_HASTE, *options)

    @property
    def namespace(self) -> Namespace:
        """The only namespace."""
        (namespace,) = self.namespaces
        return namespace

    def play(self) -> dict[str, End]:
        """The whole play in the only namespace, and how it ends; a lie on the way is an error."""
        return perform(self.theatre, self.namespace)


def perform(
    theatre: Theatre, namespace: Namespace, resources: Mapping[str, Mapping[str, Any]] = RESOURCES
) -> dict[str, End]:
    """The whole play in a namespace, and how it ends; a lie on the way is an error."""
    ends = play(namespace, theatre.witness, resources)
    lies = find_violations(theatre.witness.events(namespace.name), theatre.kubelet.volumes)
    assert not lies, "\n".join(lies)
    return ends


@contextmanager
def stage(theatre: Theatre, count: int = 1) -> Iterator[Stage]:
    """A stage with new namespaces; there is no operator yet."""
    plane = theatre.plane
    with ExitStack() as stack:
        proxy = stack.enter_context(Proxy(plane.url, plane.ca))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        namespaces = [Namespace(plane.api) for _ in range(count)]
        kubeconfig = proxy.kubeconfig(plane.token, folder / "kubeconfig", namespaces[0].name)
        yield Stage(theatre, namespaces, proxy, kubeconfig)


@contextmanager
def serving(stage: Stage, *options: str, operators: int = 1) -> Iterator[Sequence[Operator]]:
    """So many operators, ready."""
    with ExitStack() as stack:
        running = [stack.enter_context(stage.operator(*options)) for _ in range(operators)]
        for operator in running:
            operator.wait_ready()
        yield running


def created_twice(calls: Sequence[ApiRequest]) -> list[str]:
    """Names of Jobs for which the API server accepted two creations.

    Not those of the resource that is deleted in the play: between the look at it and the creation it may go, and its
    Job with it; the second Job then goes as the first did.
    """
    names = [call.target() for call in calls if call.what == "create jobs" and call.code == 201]
    return sorted({name for name in names if names.count(name) > 1 and not name.startswith("deleted-")})


def wait_for_hits(rules: Sequence[Rule], seconds: float = 120) -> None:
    """Wait until each rule has hit something."""
    wait_until(lambda: all(rule.hits for rule in rules), "every rule hitting", seconds)


Disturb = Callable[[Stage], None]

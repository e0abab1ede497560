"""A control plane with a scheduler and simulated nodes (kwok), whose pods end at once with a worker's report.

https://kwok.sigs.k8s.io/docs/user/stages-configuration/
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.operator.reports import reports
from tools.cluster.api import Api, wait_until
from tools.cluster.binaries import binary
from tools.control_plane.control_plane import ControlPlane
from tools.testing.namespace import Namespace, install_crd

STAGES = Path(__file__).with_name("nodes.yaml")
_NODES = 10
# Their defaults of 20 to 50 requests a second would limit the operator and the baseline client alike.
_CLIENT_RATE = ("--kube-api-qps=1000", "--kube-api-burst=2000")


@contextmanager
def plane_with_nodes() -> Iterator[ControlPlane]:
    """Start a control plane with the CRD and nodes, and wait until the nodes are Ready."""
    with ControlPlane(controller_flags=(*_CLIENT_RATE, "--concurrent-job-syncs=20")) as plane:
        install_crd(plane.api)
        plane.add("kube-scheduler", [*plane.commands.scheduler(), *_CLIENT_RATE, "--secure-port=0"])
        stages = plane.folder / STAGES.name
        stages.write_text(stages_of_pods())
        kwok = [str(binary("kwok")), f"--kubeconfig={plane.kubeconfig}", f"--config={stages}"]
        plane.add("kwok", [*kwok, "--manage-all-nodes", "--node-lease-duration-seconds=0", "--server-address="])
        names = [f"node-{number}" for number in range(_NODES)]
        for name in names:
            plane.api.call("POST", "/api/v1/nodes", {"metadata": {"name": name}})
        wait_until(lambda: all(_ready(plane.api, name) for name in names), "the nodes being ready", 60)
        yield plane


def stages_of_pods() -> str:
    """Return the stages with the workers' reports, each as a raw string of Go's templates."""
    text = STAGES.read_text()
    for name, report in reports().items():
        text = text.replace(f" {name} ", f" `{report.to_text()}` ")
    return text


class BoundNamespace(Namespace):
    """A namespace whose claims are bound, which the scheduler requires."""

    def create_claim(self, name: str) -> object:
        """Create a claim and its volume, and wait until they are bound."""
        size, modes, volume = {"storage": "1Gi"}, ["ReadWriteMany"], f"{self.name}-{name}"
        reference = {"namespace": self.name, "name": name}
        facts = {"capacity": size, "accessModes": modes, "hostPath": {"path": "/nowhere"}, "claimRef": reference}
        self.api.call("POST", "/api/v1/persistentvolumes", {"metadata": {"name": volume}, "spec": facts})
        spec = {"accessModes": modes, "resources": {"requests": size}, "volumeName": volume, "storageClassName": ""}
        path = self.path("persistentvolumeclaims")
        claim = self.api.call("POST", path, {"metadata": {"name": name}, "spec": spec})
        wait_until(lambda: _bound(self.api, f"{path}/{name}"), f"claim {name} being bound", 60)
        return claim


def _ready(api: Api, name: str) -> bool:
    conditions = api.call("GET", f"/api/v1/nodes/{name}").get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _bound(api: Api, path: str) -> bool:
    return bool(api.call("GET", path)["status"].get("phase") == "Bound")

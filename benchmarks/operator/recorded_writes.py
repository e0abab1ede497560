"""The operator's writes for one resource from its creation to Ready, recorded to be repeated for others."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.operator.nodes import BoundNamespace
from tools.control_plane.control_plane import ControlPlane
from tools.testing.api_requests import ApiRequest
from tools.testing.operator import Operator
from tools.testing.proxy import Proxy

RECORDED = "recorded-checkpoint"


@dataclass(frozen=True)
class Write:
    """One write: a status, which is applied, or a Job, which is created."""

    job: bool
    body: str

    def of(self, resource: Any) -> Any:
        """Return its body for another resource."""
        metadata = resource["metadata"]
        named = self.body.replace(RECORDED, metadata["name"]).replace("recorded-uid", metadata["uid"])
        return json.loads(named.replace("recorded-namespace", metadata["namespace"]))


@dataclass(frozen=True)
class RecordedWrites:
    """All writes in order, without Events."""

    writes: tuple[Write, ...]

    @property
    def statuses(self) -> int:
        """The number of statuses."""
        return sum(not write.job for write in self.writes)

    def with_statuses(self, number: int) -> RecordedWrites:
        """Return the same writes with fewer statuses; the last one and those right before a Job are always needed."""
        followers = (*self.writes[1:], None)
        pairs = zip(self.writes, followers, strict=True)
        spare = [at for at, (write, next_) in enumerate(pairs) if not write.job and next_ and not next_.job]
        dropped = spare[: max(0, self.statuses - number)]
        return replace(self, writes=tuple(write for at, write in enumerate(self.writes) if at not in dropped))

    def save(self, path: Path) -> None:
        """Write them to a file."""
        path.write_text(json.dumps([(write.job, write.body) for write in self.writes]))


def load(path: Path) -> RecordedWrites:
    """Return the writes that `save` wrote to a file."""
    return RecordedWrites(tuple(Write(job, body) for job, body in json.loads(path.read_text())))


def record(plane: ControlPlane, namespace: BoundNamespace) -> RecordedWrites:
    """Run the operator behind a proxy until one resource of this namespace is Ready; return what it wrote."""
    with Proxy(plane.url, plane.ca) as proxy, tempfile.TemporaryDirectory() as folder:
        kubeconfig = proxy.kubeconfig(plane.token, Path(folder, "kubeconfig"), namespace.name)
        with Operator(kubeconfig, "--leader-elect=false", f"--namespaces={namespace.name}"):
            uid = namespace.create(RECORDED)["metadata"]["uid"]
            namespace.wait(RECORDED)
        requests = [request for request in proxy.log.writes(namespace.name) if request.code < 300]
    return RecordedWrites(tuple(_written(request, uid, namespace.name) for request in requests))


def _written(request: ApiRequest, uid: str, namespace: str) -> Write:
    metadata = {name: value for name, value in request.body["metadata"].items() if name != "resourceVersion"}
    body = json.dumps({**request.body, "metadata": metadata})
    return Write(request.plural == "jobs", body.replace(uid, "recorded-uid").replace(namespace, "recorded-namespace"))

"""What the operator writes for one resource from its creation to Ready, recorded, to be written for others too."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.operator.nodes import BoundNamespace
from tools.control_plane.plane import Plane
from tools.testing.api_requests import ApiRequest
from tools.testing.operator import Operator
from tools.testing.proxy import Proxy

_NAME = "recorded-life"


@dataclass(frozen=True)
class Write:
    """One write: a status (which is applied) or a Job (which is created)."""

    job: bool
    body: str

    def of(self, resource: Any) -> Any:
        """Its body for another resource."""
        metadata = resource["metadata"]
        named = self.body.replace(_NAME, metadata["name"]).replace("recorded-uid", metadata["uid"])
        return json.loads(named.replace("recorded-namespace", metadata["namespace"]))


@dataclass(frozen=True)
class Life:
    """All writes, in their order; Events are none of them."""

    writes: tuple[Write, ...]

    @property
    def statuses(self) -> int:
        """How many of them are statuses."""
        return sum(not write.job for write in self.writes)

    def with_statuses(self, number: int) -> Life:
        """The same with so many statuses. Those right before a Job and the last one stay: none can do without."""
        followers = (*self.writes[1:], None)
        pairs = zip(self.writes, followers, strict=True)
        spare = [at for at, (write, next_) in enumerate(pairs) if not write.job and next_ and not next_.job]
        dropped = spare[: max(0, self.statuses - number)]
        return replace(self, writes=tuple(write for at, write in enumerate(self.writes) if at not in dropped))

    def save(self, path: Path) -> None:
        """Write it to a file."""
        path.write_text(json.dumps([(write.job, write.body) for write in self.writes]))


def load(path: Path) -> Life:
    """What `save` wrote."""
    return Life(tuple(Write(job, body) for job, body in json.loads(path.read_text())))


def record(plane: Plane, namespace: BoundNamespace) -> Life:
    """Let the operator take one resource of this namespace to Ready, behind a proxy that takes notes."""
    with Proxy(plane.url, plane.ca) as proxy, tempfile.TemporaryDirectory() as folder:
        kubeconfig = proxy.kubeconfig(plane.token, Path(folder, "kubeconfig"), namespace.name)
        with Operator(kubeconfig, "--leader-elect=false", f"--namespaces={namespace.name}"):
            uid = namespace.create(_NAME)["metadata"]["uid"]
            namespace.wait(_NAME)
        calls = [call for call in proxy.log.writes(namespace.name) if call.code < 300]
    return Life(tuple(_written(call, uid, namespace.name) for call in calls))


def _written(call: ApiRequest, uid: str, namespace: str) -> Write:
    metadata = {name: value for name, value in call.body["metadata"].items() if name != "resourceVersion"}
    body = json.dumps({**call.body, "metadata": metadata})
    return Write(call.plural == "jobs", body.replace(uid, "recorded-uid").replace(namespace, "recorded-namespace"))

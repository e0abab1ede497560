"""ShardedCheckpoints for tests on a cluster: manifests, and waiting for their conditions."""

from __future__ import annotations

import json
from typing import Any

from shardwright_operator.api import names
from tools.testing.kubectl import Kubectl, Object, wait_for

KIND = names.CRD
LABEL = names.CHECKPOINT


def manifest(name: str, *, path: str = "tiny-llama", tensor_parallel_size: int = 2, **spec: Any) -> Object:
    """Return a resource with the source claim `models` and the output claim `shards`; `spec` replaces parts of it."""
    default = {
        "source": {"persistentVolumeClaim": {"claimName": "models", "path": path}},
        "engine": {"tensorParallelSize": tensor_parallel_size},
        "output": {"persistentVolumeClaim": {"claimName": "shards"}},
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name},
        "spec": {**default, **spec},
    }


def create(kubectl: Kubectl, name: str, **spec: Any) -> Checkpoint:
    """Create a resource, with the arguments of `manifest`."""
    kubectl.apply(manifest(name, **spec))
    return Checkpoint(kubectl, name)


class Checkpoint:
    """One resource on a cluster."""

    def __init__(self, kubectl: Kubectl, name: str) -> None:
        self.kubectl, self.name = kubectl, name

    def read(self) -> Object:
        """Return the resource as it is now."""
        return self.kubectl.read(KIND, self.name)

    @property
    def status(self) -> Any:
        """Its status as it is now."""
        return self.read().get("status", {})

    def patch(self, **spec: Any) -> None:
        """Merge fields into its spec."""
        self.kubectl.run("patch", KIND, self.name, "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    def request(self, value: str) -> None:
        """Request a reconcile with this value of the annotation `reconcile.fluxcd.io/requestedAt`."""
        self.kubectl.run("annotate", KIND, self.name, "--overwrite", f"reconcile.fluxcd.io/requestedAt={value}")

    def delete(self) -> None:
        """Delete it."""
        self.kubectl.delete(KIND, self.name)

    def jobs(self, stage: str = "") -> list[Object]:
        """Return its Jobs, oldest first; of one stage if it is named."""
        return sorted(
            self.kubectl.list("jobs", self._selector(stage)), key=lambda job: str(job["metadata"]["creationTimestamp"])
        )

    def pods(self, stage: str = "") -> list[Object]:
        """Return the pods of its Jobs; of one stage if it is named."""
        return self.kubectl.list("pods", self._selector(stage))

    def wait_ready(self, seconds: float = 900) -> Object:
        """Wait until it is Ready, and return it.

        Raises:
            AssertionError: it is Stalled, or not Ready in time.
        """
        found = self._wait(lambda one: holds(one, "Ready") or holds(one, "Stalled"), "becoming Ready", seconds)
        assert holds(found, "Ready"), f"{self.name} is Stalled: {conditions_text(found)}"
        return found

    def wait_stalled(self, seconds: float = 600) -> Object:
        """Wait until it is Stalled, and return its condition Ready, which says why."""
        found = self._wait(lambda one: holds(one, "Stalled") or holds(one, "Ready"), "becoming Stalled", seconds)
        assert holds(found, "Stalled"), f"{self.name} became Ready"
        ready: Object = condition(found, "Ready")
        assert ready["status"] == "False"
        assert condition(found, "Stalled")["reason"] == ready["reason"]
        return ready

    def wait_reason(self, reason: str, naming: str, seconds: float = 600) -> Object:
        """Wait until its condition Ready has this reason and a message with `naming`, and return the resource."""

        def holds_both(one: Object) -> bool:
            ready = condition(one, "Ready")
            return bool(ready) and ready["reason"] == reason and naming in ready["message"]

        return self._wait(holds_both, f"having reason {reason} with {naming!r} in the message", seconds)

    def _selector(self, stage: str) -> str:
        return f"{LABEL}={self.name}" + (f",{names.STAGE}={stage}" if stage else "")

    def _wait(self, done: Any, what: str, seconds: float) -> Object:
        return wait_for(self.read, done, f"{self.name} {what}", seconds, conditions_text)


def condition(resource: Object, kind: str) -> Any:
    """Return the condition of this type, empty unless its observedGeneration is the present generation."""
    generation = resource["metadata"]["generation"]
    for one in resource.get("status", {}).get("conditions", []):
        if one["type"] == kind and one.get("observedGeneration") == generation:
            return one
    return {}


def holds(resource: Object, kind: str) -> bool:
    """Return whether the condition of this type is True."""
    return bool(condition(resource, kind).get("status") == "True")


def conditions_text(resource: Object) -> str:
    """Return its conditions in one line, for error messages."""
    conditions = resource.get("status", {}).get("conditions", [])
    lines = (f"{one['type']}={one['status']} {one['reason']}: {one.get('message', '')}" for one in conditions)
    return "; ".join(lines) or "no conditions"

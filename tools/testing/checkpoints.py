"""ShardedCheckpoints for tests on a cluster: manifests, and waiting for what becomes of them."""

from __future__ import annotations

from typing import Any

from tools.testing.kubectl import Kubectl, Object, wait_for

KIND = "shardedcheckpoints.shardwright.io"
LABEL = "shardwright.io/checkpoint"


def manifest(name: str, *, path: str = "tiny-llama", tensor_parallel_size: int = 2, **spec: Any) -> Object:
    """A resource that takes a model in the claim `models` to the claim `shards`; `spec` replaces whole parts of it."""
    usual = {
        "source": {"persistentVolumeClaim": {"claimName": "models", "path": path}},
        "engine": {"tensorParallelSize": tensor_parallel_size},
        "output": {"persistentVolumeClaim": {"claimName": "shards"}},
    }
    return {
        "apiVersion": "shardwright.io/v1alpha1",
        "kind": "ShardedCheckpoint",
        "metadata": {"name": name},
        "spec": {**usual, **spec},
    }


class Checkpoint:
    """One resource on a cluster."""

    def __init__(self, kubectl: Kubectl, name: str) -> None:
        self.kubectl, self.name = kubectl, name

    def read(self) -> Object:
        """The resource as it is now."""
        return self.kubectl.read(KIND, self.name)

    @property
    def status(self) -> Any:
        """Its status as it is now."""
        return self.read().get("status", {})

    def jobs(self, stage: str = "") -> list[Object]:
        """Its Jobs, oldest first."""
        selector = f"{LABEL}={self.name}" + (f",shardwright.io/stage={stage}" if stage else "")
        return sorted(self.kubectl.list("jobs", selector), key=lambda job: str(job["metadata"]["creationTimestamp"]))

    def pods(self, stage: str = "") -> list[Object]:
        """The pods of its Jobs."""
        return self.kubectl.list("pods", f"{LABEL}={self.name}" + (f",shardwright.io/stage={stage}" if stage else ""))

    def wait_ready(self, seconds: float = 900) -> Object:
        """Wait until it is Ready; a resource that needs a person will not become so."""
        found = self._wait(lambda one: holds(one, "Ready") or holds(one, "Stalled"), "becoming Ready", seconds)
        assert holds(found, "Ready"), f"{self.name} needs a person: {conditions_text(found)}"
        return found

    def wait_stalled(self, seconds: float = 600) -> Object:
        """Wait until it needs a person, and give its condition Ready, which says why."""
        found = self._wait(lambda one: holds(one, "Stalled") or holds(one, "Ready"), "needing a person", seconds)
        assert holds(found, "Stalled"), f"{self.name} became Ready"
        ready: Object = condition(found, "Ready")
        assert ready["status"] == "False"
        assert condition(found, "Stalled")["reason"] == ready["reason"]
        return ready

    def wait_reason(self, reason: str, naming: str, seconds: float = 600) -> Object:
        """Wait until its condition Ready gives this reason and names this object; gives the resource."""

        def says_so(one: Object) -> bool:
            ready = condition(one, "Ready")
            return bool(ready) and ready["reason"] == reason and naming in ready["message"]

        return self._wait(says_so, f"reason {reason} that names {naming}", seconds)

    def _wait(self, done: Any, what: str, seconds: float) -> Object:
        return wait_for(self.read, done, f"{self.name} {what}", seconds, conditions_text)


def condition(resource: Object, kind: str) -> Any:
    """The condition of this type, empty unless it is about the present generation."""
    generation = resource["metadata"]["generation"]
    for one in resource.get("status", {}).get("conditions", []):
        if one["type"] == kind and one.get("observedGeneration") == generation:
            return one
    return {}


def holds(resource: Object, kind: str) -> bool:
    """Whether the condition of this type is True."""
    return bool(condition(resource, kind).get("status") == "True")


def conditions_text(resource: Object) -> str:
    """Its conditions in short, for messages."""
    conditions = resource.get("status", {}).get("conditions", [])
    lines = (f"{one['type']}={one['status']} {one['reason']}: {one.get('message', '')}" for one in conditions)
    return "; ".join(lines) or "no conditions"

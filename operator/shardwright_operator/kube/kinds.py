"""The kinds of objects that the operator reads and writes, and their paths on the API server."""

from dataclasses import dataclass
from urllib.parse import quote

from shardwright_operator.api import names


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `selector` is the label selector of its lists and watches."""

    group: str
    version: str
    plural: str
    kind: str
    selector: str = ""

    @property
    def api_version(self) -> str:
        """The `apiVersion` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """Return the URL path of the collection, of one object, or of its subresource; no namespace means all.

        https://kubernetes.io/docs/reference/using-api/api-concepts/
        """
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts += [self.plural]
        if name:
            parts += [quote(name, safe="")]
        if subresource:
            parts += [subresource]
        return "/".join(parts)

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


CHECKPOINTS = Kind(names.GROUP, names.VERSION, names.PLURAL, names.KIND)
JOBS = Kind("batch", "v1", "jobs", "Job", names.CHECKPOINT_UID)
PODS = Kind("", "v1", "pods", "Pod", names.CHECKPOINT_UID)
CLAIMS = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
LEASES = Kind("coordination.k8s.io", "v1", "leases", "Lease")
EVENTS = Kind("events.k8s.io", "v1", "events", "Event")

WATCHED = (CHECKPOINTS, JOBS, PODS, CLAIMS)

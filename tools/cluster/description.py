"""What tests need to know of the cluster they run on, whichever backend made it; kept in `.cluster/cluster.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self

from tools.cluster.places import ACCELERATOR, DESCRIPTION, KUBECONFIG

IMAGES = {
    "operator": "shardwright.local/operator:dev",
    "worker-prepare": "shardwright.local/worker-prepare:dev",
    "worker-engine": "shardwright.local/worker-engine:dev",
}


@dataclass(frozen=True)
class Description:
    """A cluster as tests see it; a storage class is empty where the cluster has none of that kind."""

    backend: str
    kubeconfig: str
    accelerator: str
    images: dict[str, str]
    storage_class: str
    small_storage_class: str
    root_owned_storage_class: str

    @classmethod
    def of_local(cls, backend: str = "local") -> Self:
        """A cluster whose volumes and accelerators are ours."""
        return cls(backend, str(KUBECONFIG), ACCELERATOR, IMAGES, "local", "small", "root-owned")

    @classmethod
    def read(cls) -> Self:
        """The cluster that `up` left behind."""
        return cls(**json.loads(DESCRIPTION.read_text()))

    def write(self) -> None:
        """Leave it for the tests."""
        DESCRIPTION.write_text(json.dumps(asdict(self), indent=2) + "\n")

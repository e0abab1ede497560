"""The description of a cluster that `up` writes for the tests, of any backend: `.cluster/cluster.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self

from tools.cluster.paths import ACCELERATOR, DESCRIPTION, KUBECONFIG

IMAGES = {
    "operator": "shardwright.local/operator:dev",
    "worker-prepare": "shardwright.local/worker-prepare:dev",
    "worker-engine": "shardwright.local/worker-engine:dev",
}


@dataclass(frozen=True)
class Description:
    """What tests need to know of a cluster; a storage class is empty if the cluster has none of that kind."""

    backend: str
    kubeconfig: str
    accelerator: str
    images: dict[str, str]
    storage_class: str
    small_storage_class: str
    root_owned_storage_class: str

    @classmethod
    def of_local(cls, backend: str = "local") -> Self:
        """Return the description of a cluster with the volumes and accelerators that are set up here."""
        return cls(backend, str(KUBECONFIG), ACCELERATOR, IMAGES, "local", "small", "root-owned")

    @classmethod
    def read(cls) -> Self:
        """Return the description that `up` wrote."""
        return cls(**json.loads(DESCRIPTION.read_text()))

    def write(self) -> None:
        """Write it for the tests."""
        DESCRIPTION.write_text(json.dumps(asdict(self), indent=2) + "\n")

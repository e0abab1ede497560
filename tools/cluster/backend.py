"""Chooses the cluster: one on this machine, kind in Docker, or that of the present kubeconfig."""

from __future__ import annotations

import os
from typing import Protocol

from tools.cluster.current import CurrentCluster
from tools.cluster.errors import ClusterError
from tools.cluster.kind import KindCluster
from tools.cluster.local import LocalCluster


class Backend(Protocol):
    """The operations on a cluster that the demo and the tests use."""

    def prerequisites(self) -> None: ...

    def up(self) -> None: ...

    def down(self) -> None: ...

    def load(self, names: list[str]) -> None: ...

    def status(self) -> dict[str, str]: ...


_BACKENDS: dict[str, type[Backend]] = {
    "": LocalCluster,
    "local": LocalCluster,
    "kind": KindCluster,
    "current": CurrentCluster,
}


def backend() -> Backend:
    """Return the cluster that the environment variable CLUSTER names."""
    name = os.environ.get("CLUSTER", "")
    if name not in _BACKENDS:
        raise ClusterError(f"CLUSTER={name} is unknown; use local, kind or current")
    return _BACKENDS[name]()

"""Runs beside the node: advertises its simulated accelerators and makes released volumes available again."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from tools.cluster.api import Api
from tools.cluster.paths import ACCELERATOR, ACCELERATORS, NODE
from tools.cluster.volumes import recycle

_PERIOD = 2.0  # seconds


def main() -> None:
    """Reconcile periodically; requests that fail while the control plane is down are retried."""
    url, ca, token = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]).read_text().strip()
    api = Api(url, ca, token)
    while True:
        try:
            advertise_accelerators(api)
            if count := recycle(api):
                print(f"recycled {count} volumes", flush=True)
        except (OSError, ValueError) as error:
            print(f"retrying after: {error}", flush=True)
        time.sleep(_PERIOD)


def advertise_accelerators(api: Api, name: str = NODE) -> None:
    """Set the node's accelerators in its status as an extended resource, which scheduler and kubelet honor.

    https://kubernetes.io/docs/tasks/administer-cluster/extended-resource-node/
    """
    path = f"/api/v1/nodes/{name}"
    node: dict[str, Any] = api.call("GET", path)
    count = str(ACCELERATORS)
    if all(node["status"].get(part, {}).get(ACCELERATOR) == count for part in ("capacity", "allocatable")):
        return
    status = {part: {ACCELERATOR: count} for part in ("capacity", "allocatable")}
    api.call("PATCH", f"{path}/status", {"status": status}, "application/strategic-merge-patch+json")
    print(f"advertised {count} {ACCELERATOR} on node {name}", flush=True)


if __name__ == "__main__":
    main()

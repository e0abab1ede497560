"""Runs beside the node: keeps its pretended accelerators in place and makes released volumes available again."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tools.cluster.api import Api
from tools.cluster.places import ACCELERATOR, ACCELERATORS, NODE
from tools.cluster.volumes import recycle


def main() -> None:
    """Look every two seconds; a control plane that is away for a while is no reason to stop."""
    url, ca, token = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]).read_text().strip()
    api = Api(url, ca, token)
    while True:
        try:
            offer_accelerators(api)
            if count := recycle(api):
                print(f"made {count} volumes available again", flush=True)
        except (OSError, ValueError) as error:
            print(f"will look again: {error}", flush=True)
        time.sleep(2)


def offer_accelerators(api: Api, name: str = NODE) -> None:
    """Pretend that the node has accelerators; scheduler and kubelet then honour requests for them."""
    path = f"/api/v1/nodes/{name}"
    node: dict[str, Any] = api.call("GET", path)
    wanted = str(ACCELERATORS)
    if all(node["status"].get(part, {}).get(ACCELERATOR) == wanted for part in ("capacity", "allocatable")):
        return
    status = {part: {ACCELERATOR: wanted} for part in ("capacity", "allocatable")}
    api.call("PATCH", f"{path}/status", {"status": status}, "application/strategic-merge-patch+json")
    print(f"offered {json.dumps(status)}", flush=True)


if __name__ == "__main__":
    main()

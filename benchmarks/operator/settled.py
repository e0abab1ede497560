"""Many settled resources: memory, the cost of a restart, of an idle minute, and of one event."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.operator.cost import cost_of
from benchmarks.operator.http_client import APPLY, MERGE, Client, for_all
from benchmarks.operator.nodes import BoundNamespace, plane_with_nodes
from benchmarks.operator.progress import print_progress
from benchmarks.operator.recorded_writes import RecordedWrites, record
from shardwright_operator.kube.kinds import CHECKPOINTS
from tools.cluster.api import wait_until
from tools.control_plane.control_plane import ControlPlane
from tools.testing.checkpoints import manifest
from tools.testing.operator import Operator, reconciles_in

_TOUCHES = 500  # at most the smallest number of resources
_IDLE_SECONDS = 60.0


def measure_settled(sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Return one row for each number of resources; the numbers are in ascending order."""
    rows: list[dict[str, Any]] = []
    with plane_with_nodes() as plane:
        namespace, created = BoundNamespace(plane.api), 0
        writes = record(plane, namespace)
        for size in sizes:
            names = [f"settled-{number:05}" for number in range(created, size)]
            asyncio.run(_settle(plane, namespace.name, writes, names))
            created = size
            print_progress(f"settled: created {size} resources")
            rows.append(_measure(plane, namespace, size))
    return rows


def _measure(plane: ControlPlane, namespace: BoundNamespace, size: int) -> dict[str, Any]:
    begin = time.monotonic()
    with Operator(plane.kubeconfig, "--log-level=warning") as operator:
        operator.wait_ready(300)
        wait_until(lambda: operator.idle_after(size), "the operator being idle", 300)
        idle, started = time.monotonic() - begin, cost_of(operator)
        print_progress(f"settled: idle after {idle:.1f} s")
        time.sleep(_IDLE_SECONDS)
        rested = cost_of(operator)
        reconciles = reconciles_in(operator.metrics())
        asyncio.run(_touch(plane, namespace.name))
        wait_until(
            lambda: reconciles_in(operator.metrics()) >= reconciles + _TOUCHES, "all events being reconciled", 120
        )
        touched = cost_of(operator)
    rest = rested.since(started)
    return {
        "resources": size,
        "restart_seconds": round(idle, 1),
        "restart_processor_seconds": round(started.processor, 1),
        "restart_writes": started.writes,
        "memory_mib": round(rested.memory / 2**20, 1),
        "idle_requests_per_second": round((sum(rest.requests.values()) - rest.lease) / _IDLE_SECONDS, 3),
        "lease_requests_per_second": round(rest.lease / _IDLE_SECONDS, 3),
        "event_processor_ms": round(1000 * touched.since(rested).processor / _TOUCHES, 2),
        "event_writes": touched.since(rested).writes,
    }


async def _settle(plane: ControlPlane, namespace: str, writes: RecordedWrites, names: Sequence[str]) -> None:
    last = writes.writes[-1]

    async with Client(plane.kubeconfig) as client:

        async def create(name: str) -> None:
            resource = await client.request("POST", CHECKPOINTS.path(namespace), manifest(name))
            path = f"{CHECKPOINTS.path(namespace, name, 'status')}?fieldManager=shardwright&force=true"
            await client.request("PATCH", path, last.of(resource), APPLY)

        await for_all(names, create)


async def _touch(plane: ControlPlane, namespace: str) -> None:
    async with Client(plane.kubeconfig) as client:

        async def touch(number: int) -> None:
            body = {"metadata": {"labels": {"touched": str(time.time())}}}
            await client.request("PATCH", CHECKPOINTS.path(namespace, f"settled-{number:05}"), body, MERGE)

        await for_all(range(_TOUCHES), touch)

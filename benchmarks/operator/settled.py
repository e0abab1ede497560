"""Many resources that are Ready: memory, a restart, rest, and what one event costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.operator.calls import APPLY, MERGE, Calls, all_at_once
from benchmarks.operator.life import Life, record
from benchmarks.operator.nodes import BoundNamespace, plane_with_nodes
from benchmarks.operator.spending import Spending, spending
from benchmarks.operator.tell import tell
from shardwright_operator.kube.kinds import CHECKPOINTS
from tools.cluster.api import wait_until
from tools.control_plane.plane import Plane
from tools.testing.checkpoints import manifest
from tools.testing.operator import Operator, reconciles_in

_TOUCHES = 500  # the smallest number of resources must not be less
_REST = 60.0  # seconds


def measure_settled(sizes: Sequence[int]) -> list[dict[str, Any]]:
    """One row for each number of resources, the smallest first."""
    rows: list[dict[str, Any]] = []
    with plane_with_nodes() as plane:
        namespace, there = BoundNamespace(plane.api), 0
        life = record(plane, namespace)
        for size in sizes:
            names = [f"settled-{number:05}" for number in range(there, size)]
            asyncio.run(_settle(plane, namespace.name, life, names))
            there = size
            tell(f"settled: {size} resources are there")
            rows.append(_look(plane, namespace, size))
    return rows


def _look(plane: Plane, namespace: BoundNamespace, size: int) -> dict[str, Any]:
    begin = time.monotonic()
    with Operator(plane.kubeconfig, "--log-level=warning") as operator:
        operator.wait_ready(300)
        wait_until(lambda: operator.idle_after(size), "the operator being quiet", 300)
        quiet, started = time.monotonic() - begin, spending(operator)
        tell(f"settled: quiet after {quiet:.1f} s")
        time.sleep(_REST)
        rested = spending(operator)
        looks = reconciles_in(operator.metrics())
        asyncio.run(_touch(plane, namespace.name))
        wait_until(lambda: reconciles_in(operator.metrics()) >= looks + _TOUCHES, "all touches being seen", 120)
        touched = spending(operator)
    rest: Spending = rested.since(started)
    return {
        "resources": size,
        "restart_seconds": round(quiet, 1),
        "restart_processor_seconds": round(started.processor, 1),
        "restart_writes": started.writes,
        "memory_mib": round(rested.memory / 2**20, 1),
        "idle_calls_a_second": round((sum(rest.calls.values()) - rest.lease) / _REST, 3),
        "lease_calls_a_second": round(rest.lease / _REST, 3),
        "event_processor_ms": round(1000 * touched.since(rested).processor / _TOUCHES, 2),
        "event_writes": touched.since(rested).writes,
    }


async def _settle(plane: Plane, namespace: str, life: Life, names: Sequence[str]) -> None:
    last = life.writes[-1]

    async with Calls(plane.kubeconfig) as calls:

        async def create(name: str) -> None:
            resource = await calls.call("POST", CHECKPOINTS.path(namespace), manifest(name))
            path = f"{CHECKPOINTS.path(namespace, name, 'status')}?fieldManager=shardwright&force=true"
            await calls.call("PATCH", path, last.of(resource), APPLY)

        await all_at_once(names, create)


async def _touch(plane: Plane, namespace: str) -> None:
    async with Calls(plane.kubeconfig) as calls:

        async def touch(number: int) -> None:
            body = {"metadata": {"labels": {"touched": str(time.time())}}}
            await calls.call("PATCH", CHECKPOINTS.path(namespace, f"settled-{number:05}"), body, MERGE)

        await all_at_once(range(_TOUCHES), touch)

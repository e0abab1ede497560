"""Resources that come one after the other: how long until each has its first Job."""

from __future__ import annotations

from typing import Any

from tests.harness.operator import Operator
from tests.scale.crowd import percentile, play
from tests.scale.nodes import BoundWorld, plane_with_nodes


def measure_arrivals(number: int, a_second: float) -> dict[str, Any]:
    """So many resources at this pace."""
    names = [f"next-{one:05}" for one in range(number)]
    with plane_with_nodes() as plane, Operator(plane.kubeconfig, "--log-level=warning") as operator:
        operator.wait_ready()
        moments = play(plane.kubeconfig, BoundWorld(plane.api).namespace, names, names, a_second)
    until_job, until_ready = moments.until(moments.job, names), moments.until(moments.ready, names)
    return {
        "resources": number,
        "a_second": a_second,
        "job_p50_seconds": round(percentile(until_job, 50), 2),
        "job_p95_seconds": round(percentile(until_job, 95), 2),
        "ready_p95_seconds": round(percentile(until_ready, 95), 2),
    }

"""Resources that come one after the other: how long until each has its first Job, beside the bare client."""

from __future__ import annotations

from typing import Any

from benchmarks.operator.ceiling import running_bare
from benchmarks.operator.crowd import Moments, percentile, play
from benchmarks.operator.life import record
from benchmarks.operator.nodes import BoundNamespace, plane_with_nodes
from tools.control_plane.plane import Plane
from tools.testing.operator import Operator

_STATUSES = 3  # what the operator writes for each when it is busy


def measure_arrivals(number: int, a_second: float) -> dict[str, Any]:
    """So many resources at this pace, for the operator and for the bare client."""
    names = [f"next-{one:05}" for one in range(number)]

    def come(plane: Plane) -> Moments:
        return play(plane.kubeconfig, BoundNamespace(plane.api).name, names, names, a_second)

    with plane_with_nodes() as plane:
        life = record(plane, BoundNamespace(plane.api)).with_statuses(_STATUSES)
        with Operator(plane.kubeconfig, "--log-level=warning") as operator:
            operator.wait_ready()
            ours = come(plane)
    with plane_with_nodes() as plane, running_bare(plane, life):
        bare = come(plane)
    return {
        "resources": number,
        "a_second": a_second,
        **{
            f"{who}_{what}_p{percent}_seconds": round(percentile(moments.until(times, names), percent), 2)
            for who, moments in (("operator", ours), ("bare", bare))
            for what, times, percent in (
                ("job", moments.job, 50),
                ("job", moments.job, 95),
                ("ready", moments.ready, 95),
            )
        },
    }

"""Resources that are created one after the other: seconds until each has a Job and is Ready, beside the baseline."""

from __future__ import annotations

from typing import Any

from benchmarks.operator.baseline_process import running_baseline
from benchmarks.operator.load import Timeline, percentile, run_load
from benchmarks.operator.nodes import BoundNamespace, plane_with_nodes
from benchmarks.operator.recorded_writes import record
from tools.control_plane.control_plane import ControlPlane
from tools.testing.operator import Operator

_STATUSES = 3  # that the operator writes for each resource under load


def measure_arrivals(number: int, per_second: float) -> dict[str, Any]:
    """Create this number of resources at this rate, for the operator and for the baseline client."""
    names = [f"next-{one:05}" for one in range(number)]

    def run(plane: ControlPlane) -> Timeline:
        return run_load(plane.kubeconfig, BoundNamespace(plane.api).name, names, names, per_second)

    with plane_with_nodes() as plane:
        writes = record(plane, BoundNamespace(plane.api)).with_statuses(_STATUSES)
        with Operator(plane.kubeconfig, "--log-level=warning") as operator:
            operator.wait_ready()
            operator_timeline = run(plane)
    with plane_with_nodes() as plane, running_baseline(plane, writes):
        baseline_timeline = run(plane)
    return {
        "resources": number,
        "per_second": per_second,
        **{
            f"{client}_{what}_p{percent}_seconds": round(percentile(timeline.until(times, names), percent), 2)
            for client, timeline in (("operator", operator_timeline), ("baseline", baseline_timeline))
            for what, times, percent in (
                ("job", timeline.job, 50),
                ("job", timeline.job, 95),
                ("ready", timeline.ready, 95),
            )
        },
    }

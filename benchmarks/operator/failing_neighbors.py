"""Whether resources that fail and are retried delay those that succeed."""

from __future__ import annotations

from typing import Any

from benchmarks.operator.load import percentile, run_load
from benchmarks.operator.nodes import BoundNamespace, plane_with_nodes
from tools.testing.operator import Operator


def measure_failing_neighbors(number: int, per_second: float) -> dict[str, Any]:
    """Create good resources at this rate, with as many others in between: good ones, or ones that always fail."""
    good = [f"good-{one:04}" for one in range(number)]
    return {
        "resources": number,
        "others": number,
        "others_good_ready_p95_seconds": _ready_p95(good, "other", per_second),
        "others_failing_ready_p95_seconds": _ready_p95(good, "failing", per_second),
    }


def _ready_p95(good: list[str], others: str, per_second: float) -> float:
    names = [name for one in good for name in (one, one.replace("good", others))]
    with (
        plane_with_nodes() as plane,
        Operator(plane.kubeconfig, "--log-level=error", "--retry-base=1", "--retry-cap=1") as operator,
    ):
        operator.wait_ready()
        timeline = run_load(plane.kubeconfig, BoundNamespace(plane.api).name, names, good, 2 * per_second)
    return round(percentile(timeline.until(timeline.ready, good), 95), 2)

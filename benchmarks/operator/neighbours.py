"""Whether resources that fail and are tried again delay those that are well."""

from __future__ import annotations

from typing import Any

from benchmarks.operator.crowd import percentile, play
from benchmarks.operator.nodes import BoundNamespace, plane_with_nodes
from tools.testing.operator import Operator


def measure_neighbours(number: int, a_second: float) -> dict[str, Any]:
    """So many good resources at this pace, with as many others between them: good ones, or such as always fail."""
    good = [f"good-{one:04}" for one in range(number)]
    return {
        "resources": number,
        "others": number,
        "others_good_ready_p95_seconds": _ready_p95(good, "other", a_second),
        "others_failing_ready_p95_seconds": _ready_p95(good, "failing", a_second),
    }


def _ready_p95(good: list[str], others: str, a_second: float) -> float:
    names = [name for one in good for name in (one, one.replace("good", others))]
    with (
        plane_with_nodes() as plane,
        Operator(plane.kubeconfig, "--log-level=error", "--retry-base=1", "--retry-cap=1") as operator,
    ):
        operator.wait_ready()
        moments = play(plane.kubeconfig, BoundNamespace(plane.api).name, names, good, 2 * a_second)
    return round(percentile(moments.until(moments.ready, good), 95), 2)

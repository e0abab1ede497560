"""Many resources at once: the operator and the baseline client in turn, each on a new control plane."""

from __future__ import annotations

from typing import Any

from benchmarks.operator.baseline_process import running_baseline
from benchmarks.operator.cost import cost_of
from benchmarks.operator.load import run_load
from benchmarks.operator.nodes import BoundNamespace, plane_with_nodes
from benchmarks.operator.processes import processor_seconds, processor_time
from benchmarks.operator.progress import print_progress
from benchmarks.operator.recorded_writes import RecordedWrites, record
from tools.control_plane.control_plane import ControlPlane
from tools.testing.operator import Operator

Row = dict[str, Any]
# Share of the machine's processor time; a pair whose runs differ by more in the share of other processes is discarded.
_MAX_DIFFERENCE = 0.1


def measure_burst(number: int, pairs: int) -> Row:
    """Run pairs; those in which other processes used the machine more in one run than in the other do not count."""
    with plane_with_nodes() as plane:
        writes = record(plane, BoundNamespace(plane.api))
    kept: list[tuple[Row, Row]] = []
    for turn in range(pairs):
        label = f"burst {turn + 1}/{pairs}"
        operator = _run_operator(number)
        print_progress(f"{label}: operator {operator['seconds']:.1f} s")
        baseline = _run_baseline(number, writes.with_statuses(round(operator["statuses"])))
        print_progress(f"{label}: baseline client {baseline['seconds']:.1f} s")
        if abs(operator["others"] - baseline["others"]) > _MAX_DIFFERENCE:
            shares = f"{operator['others']:.0%} and {baseline['others']:.0%}"
            print_progress(f"{label}: discarded, other processes used {shares} of the machine")
        else:
            kept.append((operator, baseline))
    if not kept:
        return {"resources": number, "pairs": 0}
    operator = min((pair[0] for pair in kept), key=lambda row: float(row["processor_ms"]))
    return {
        "resources": number,
        "pairs": len(kept),
        "ratios": [round(operator["seconds"] / baseline["seconds"], 2) for operator, baseline in kept],
        "operator_seconds": [operator["seconds"] for operator, _ in kept],
        "baseline_seconds": [baseline["seconds"] for _, baseline in kept],
        "operator_processor_ms": operator["processor_ms"],
        "baseline_processor_ms": min(baseline["processor_ms"] for _, baseline in kept),
        "writes": operator["writes"],
        "statuses": operator["statuses"],
        "events": operator["events"],
        "reads": operator["reads"],
    }


def _run_operator(number: int) -> Row:
    with plane_with_nodes() as plane, Operator(plane.kubeconfig, "--log-level=warning") as operator:
        operator.wait_ready()
        namespace, before = BoundNamespace(plane.api), cost_of(operator)
        row = _timed(plane, namespace, number)
        cost = cost_of(operator).since(before)
        return {
            **row,
            "processor_ms": round(1000 * cost.processor / number, 1),
            "writes": round(cost.writes / number, 2),
            "statuses": cost.requests["apply", "shardedcheckpoints"] / number,
            "events": round(cost.events / number, 2),
            "reads": round(cost.reads / number, 2),
        }


def _run_baseline(number: int, writes: RecordedWrites) -> Row:
    with plane_with_nodes() as plane, running_baseline(plane, writes) as process:
        before = processor_seconds(process.pid)
        row = _timed(plane, BoundNamespace(plane.api), number)
        return {**row, "processor_ms": round(1000 * (processor_seconds(process.pid) - before) / number, 1)}


def _timed(plane: ControlPlane, namespace: BoundNamespace, number: int) -> Row:
    names = [f"many-{one:05}" for one in range(number)]
    before = processor_time()
    timeline = run_load(plane.kubeconfig, namespace.name, names, names)
    after = processor_time()
    share = after.others_since(before) / max(0.1, after.machine - before.machine)
    return {"seconds": round(timeline.total, 1), "others": share}

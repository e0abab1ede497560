"""Many resources at once: the operator and the bare client in turn, each on a new control plane."""

from __future__ import annotations

from typing import Any

from benchmarks.operator.ceiling import running_bare
from benchmarks.operator.crowd import Moments, play
from benchmarks.operator.life import Life, record
from benchmarks.operator.nodes import BoundNamespace, plane_with_nodes
from benchmarks.operator.processes import load_now, processor_seconds
from benchmarks.operator.spending import spending
from benchmarks.operator.tell import tell
from tools.control_plane.plane import Plane
from tools.testing.operator import Operator

Row = dict[str, Any]
# Of the machine's time; a pair whose runs differ by more says nothing.
_UNLIKE = 0.1


def measure_burst(number: int, pairs: int) -> Row:
    """So many pairs of runs; pairs in which others used the machine in one run more than in the other do not count."""
    with plane_with_nodes() as plane:
        life = record(plane, BoundNamespace(plane.api))
    kept: list[tuple[Row, Row]] = []
    for turn in range(pairs):
        ours = _run_operator(number)
        tell(f"burst {turn + 1}/{pairs}: operator {ours['seconds']:.1f} s")
        bare = _run_bare(number, life.with_statuses(round(ours["statuses"])))
        tell(f"burst {turn + 1}/{pairs}: bare client {bare['seconds']:.1f} s")
        if abs(ours["foreign"] - bare["foreign"]) > _UNLIKE:
            tell(f"burst {turn + 1}/{pairs}: thrown away, others used {ours['foreign']:.0%} and {bare['foreign']:.0%}")
        else:
            kept.append((ours, bare))
    if not kept:
        return {"resources": number, "pairs": 0}
    ours = min((pair[0] for pair in kept), key=lambda row: float(row["processor_ms"]))
    return {
        "resources": number,
        "pairs": len(kept),
        "ratios": [round(ours["seconds"] / bare["seconds"], 2) for ours, bare in kept],
        "operator_seconds": [ours["seconds"] for ours, _ in kept],
        "bare_seconds": [bare["seconds"] for _, bare in kept],
        "operator_processor_ms": ours["processor_ms"],
        "bare_processor_ms": min(bare["processor_ms"] for _, bare in kept),
        "writes": ours["writes"],
        "statuses": ours["statuses"],
        "events": ours["events"],
        "reads": ours["reads"],
    }


def _run_operator(number: int) -> Row:
    with plane_with_nodes() as plane, Operator(plane.kubeconfig, "--log-level=warning") as operator:
        operator.wait_ready()
        namespace, before = BoundNamespace(plane.api), spending(operator)
        row = _timed(plane, namespace, number)
        spent = spending(operator).since(before)
        return {
            **row,
            "processor_ms": round(1000 * spent.processor / number, 1),
            "writes": round(spent.writes / number, 2),
            "statuses": spent.calls["apply", "shardedcheckpoints"] / number,
            "events": round(spent.events / number, 2),
            "reads": round(spent.reads / number, 2),
        }


def _run_bare(number: int, life: Life) -> Row:
    with plane_with_nodes() as plane, running_bare(plane, life) as process:
        before = processor_seconds(process.pid)
        row = _timed(plane, BoundNamespace(plane.api), number)
        return {**row, "processor_ms": round(1000 * (processor_seconds(process.pid) - before) / number, 1)}


def _timed(plane: Plane, namespace: BoundNamespace, number: int) -> Row:
    names = [f"many-{one:05}" for one in range(number)]
    before = load_now()
    moments: Moments = play(plane.kubeconfig, namespace.name, names, names)
    after = load_now()
    share = after.foreign_since(before) / max(0.1, after.machine - before.machine)
    return {"seconds": round(moments.whole, 1), "foreign": share}

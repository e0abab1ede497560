"""`make bench-operator N=1000`: measures the operator; prints tables, and writes them to .bench/operator.json."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.operator.arrivals import measure_arrivals
from benchmarks.operator.burst import measure_burst
from benchmarks.operator.failing_neighbors import measure_failing_neighbors
from benchmarks.operator.settled import measure_settled

_TARGET = Path(".bench/operator.json")


def main() -> None:
    """Run the benchmarks; results of an earlier run stay in the file until they are measured again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operator", description=__doc__)
    parser.add_argument("number", type=int, help="resources that are created at once")
    parser.add_argument(
        "--pairs", type=int, default=3, help="pairs of a run of the operator and one of the baseline client (3)"
    )
    parser.add_argument("--settled", type=int, default=10_000, help="settled resources (10000)")
    parser.add_argument("--only", choices=("burst", "arrivals", "settled", "neighbors"), help="run only this one")
    arguments = parser.parse_args()
    parts: dict[str, Callable[[], Any]] = {
        "burst": lambda: measure_burst(arguments.number, arguments.pairs),
        "arrivals": lambda: measure_arrivals(number=600, per_second=20),
        "neighbors": lambda: measure_failing_neighbors(number=100, per_second=5),
        "settled": lambda: measure_settled(sorted({min(1000, arguments.settled), arguments.settled})),
    }
    results = json.loads(_TARGET.read_text()) if _TARGET.exists() else {}
    for name, measure in parts.items():
        if arguments.only in (None, name):
            results[name] = {
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
                "machine": f"{platform.platform()}, {os.cpu_count()} processors",
                "rows": _rows(measure()),
            }
            _show(name, results[name]["rows"])
            _TARGET.parent.mkdir(exist_ok=True)
            _TARGET.write_text(json.dumps(results, indent=2) + "\n")


def _rows(measured: Any) -> list[dict[str, Any]]:
    return measured if isinstance(measured, list) else [measured]


def _show(title: str, rows: list[dict[str, Any]]) -> None:
    print(f"\n{title}")
    width = max(len(name) for name in rows[0])
    for name in rows[0]:
        values = "".join(f"{_text(row[name]):>24}" for row in rows)
        print(f"  {name.replace('_', ' '):<{width}}{values}", flush=True)


def _text(value: Any) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    main()

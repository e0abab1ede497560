"""`make bench-worker`: measures the worker; prints tables, and writes them to .bench/worker.json."""

import argparse
import json
import platform
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.worker.check import measure_check
from benchmarks.worker.hashes import measure_hashes
from benchmarks.worker.process import measure_process
from benchmarks.worker.reading import measure_reading
from benchmarks.worker.writer import measure_writer
from tools.models.large import SHAPES


def main() -> None:
    """Run the benchmarks of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker", description=__doc__)
    parser.add_argument("--device", default="cpu", help="device of the tensors (cpu)")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of the weights in GB (2)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each writer, in turn (3)")
    parser.add_argument("--folder", type=Path, help="folder on the volume to measure (the temporary folder)")
    parser.add_argument("--process", choices=SHAPES, help="measure the whole process instead, for a Llama of this size")
    parser.add_argument("--reading", choices=SHAPES, help="measure ways to read a Llama of this size from a cold disk")
    parser.add_argument("--ranks", type=int, default=1, help="tensor parallel size of --process and --reading (1)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="shardwright-bench-") as folder:
        results = _measure(Path(folder), arguments)
    target = Path(".bench/worker.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=2) + "\n")


def _measure(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    results: dict[str, Any] = {"machine": platform.platform(), "device": arguments.device}
    if arguments.process:
        results["process"] = measure_process(folder, arguments.process, arguments.ranks, arguments.runs)
        _table(f"Whole process of {arguments.process} (seconds)", results["process"], "seconds")
        return results
    if arguments.reading:
        results["reading"] = measure_reading(folder, arguments.reading, arguments.ranks, arguments.runs)
        _table(f"Load of {arguments.reading} from a cold disk (seconds)", results["reading"], "seconds")
        return results
    size = int(arguments.gigabytes * 1e9)
    results["hashes"] = measure_hashes(arguments.runs)
    _table("Digests on one core (GB/s)", results["hashes"], "GBps")
    results["writer"] = measure_writer(folder, size, arguments.device, arguments.runs)
    _table("Writer, durable (GB/s; processor seconds)", results["writer"], "GBps")
    results["check"] = measure_check(folder, size, arguments.runs)
    _table("Check of every byte, in the page cache (GB/s)", results["check"], "GBps")
    return results


def _table(title: str, rows: dict[str, dict[str, float]], unit: str) -> None:
    print(f"\n{title}")
    for name, row in rows.items():
        others = "  ".join(f"{key} {value:g}" for key, value in row.items() if key != unit)
        print(f"  {name:<34} {row[unit]:>8.2f}   {others}")


if __name__ == "__main__":
    main()

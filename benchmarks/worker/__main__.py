"""`make bench-worker`: measures the worker; prints tables, and writes them to .bench/worker.json."""

import argparse
import json
import platform
import tempfile
from pathlib import Path
from typing import Any

GPU_COMMANDS = """\
# On a machine with a GPU, in an environment with vLLM (vllm>=0.26,<0.34), xxhash, rich and pydantic, in this folder:
PYTHONPATH=worker:. python3 -m benchmarks.worker --device cuda --gigabytes 15 --folder /dev/shm   # the writer, memory
PYTHONPATH=worker:. python3 -m benchmarks.worker --device cuda --gigabytes 15                     # the writer, disk
PYTHONPATH=worker:. python3 -m benchmarks.worker --device cuda --gigabytes 15 --process           # vLLM's script too
"""


def main() -> None:
    """Run the benchmarks of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker", description=__doc__)
    parser.add_argument("--print-gpu", action="store_true", help="print the commands for a machine with GPUs")
    parser.add_argument("--device", default="cpu", help="device of the tensors (cpu)")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of the weights in GB (2)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each writer, in turn (3)")
    parser.add_argument("--folder", type=Path, help="folder on the volume to measure (the temporary folder)")
    parser.add_argument("--process", action="store_true", help="also measure the whole process beside vLLM's own")
    arguments = parser.parse_args()
    if arguments.print_gpu:
        print(GPU_COMMANDS, end="")
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="shardwright-bench-") as folder:
        results = _measure(Path(folder), arguments)
    target = Path(".bench/worker.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=2) + "\n")


def _measure(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.worker.writer import measure_writer

    results: dict[str, Any] = {"machine": platform.platform(), "device": arguments.device}
    size = int(arguments.gigabytes * 1e9)
    results["writer"] = measure_writer(folder, size, arguments.device, arguments.runs)
    _table("Writer, durable (GB/s; processor seconds)", results["writer"], "GBps")
    if arguments.process:
        from benchmarks.worker.process import measure_process

        results["process"] = measure_process(folder, size)
        _table("Whole process (seconds)", results["process"], "seconds")
    return results


def _table(title: str, rows: dict[str, dict[str, float]], unit: str) -> None:
    print(f"\n{title}")
    for name, row in rows.items():
        others = "  ".join(f"{key} {value:g}" for key, value in row.items() if key != unit)
        print(f"  {name:<34} {row[unit]:>8.2f}   {others}")


if __name__ == "__main__":
    main()

"""`make test-models`: shards each kind of model with each layout; prints each result, and writes the file of results.

The expected result of a cell is exact, or a reason at a stage. The exit code is 1 if a cell has another result.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from shardwright_worker.contract.verification_levels import LEVELS
from shardwright_worker.contract.vllm_support.installed import installed_vllm
from tools.model_matrix.expected import expected_result, this_cpu
from tools.model_matrix.kinds import KINDS
from tools.model_matrix.layouts import LAYOUTS
from tools.model_matrix.pool import Name, run_cells
from tools.model_matrix.results import FOLDER, Cell, Results, read_results


def main() -> int:
    """Return zero if every cell has the expected result."""
    arguments = _arguments()
    vllm = installed_vllm()
    path = arguments.results / f"{arguments.machine}-vllm-{vllm}.json"
    results = Results(machine=arguments.machine, device=arguments.device, vllm=vllm)
    if path.exists():
        results = read_results(path)
    unexpected = 0
    names = _names(arguments, results)
    for (kind, layout), cell in run_cells(names, arguments.device, arguments.level, arguments.jobs, arguments.gpus):
        expected = expected_result(arguments.machine, vllm, kind, layout)
        wrong = (cell.result, cell.stage) != expected
        unexpected += wrong
        print(_line(kind, layout, cell, " at ".join(filter(None, expected)) if wrong else ""), flush=True)
        results.add(kind, layout, cell)
        results.sort(KINDS, LAYOUTS)
        results.write(path)
    print(f"{unexpected} unexpected; results are in {path}")
    return min(unexpected, 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.model_matrix", description=__doc__)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="device that vLLM runs on (cpu)")
    parser.add_argument(
        "--machine", default=this_cpu(), help="its name in the results, such as 2xH100 (that of the CPU)"
    )
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=[*LAYOUTS], help="layouts to run (all)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[*KINDS], help="kinds of models to run (all)")
    parser.add_argument("--core", action="store_true", help="run only the kinds that `make test` includes")
    levels = [level.lower() for level in LEVELS]
    parser.add_argument("--level", choices=levels, default=levels[-1], help="verification, at most (generate)")
    parser.add_argument("--missing", action="store_true", help="leave out cells that have a result")
    parser.add_argument("--jobs", type=int, default=1, help="cells that run at the same time (1)")
    parser.add_argument("--gpus", type=int, default=0, help="GPUs over which the jobs are spread (0: not spread)")
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of the files of results")
    return parser.parse_args()


def _names(arguments: argparse.Namespace, results: Results) -> list[Name]:
    return [
        (kind, layout)
        for layout in arguments.layouts
        for kind in arguments.kinds
        if LAYOUTS[layout].applies_to(KINDS[kind])
        and (KINDS[kind].core or not arguments.core)
        and not (arguments.missing and layout in results.cells.get(kind, {}))
    ]


def _line(kind: str, layout: str, cell: Cell, expected: str) -> str:
    result = f"{cell.result} at {cell.stage}" if cell.stage else cell.result
    verdict = f"UNEXPECTED (not {expected}) " if expected else ""
    return f"{layout:<12}{kind:<46}{cell.seconds:>6.1f} s  {result:<36}{verdict}{cell.message[:160]}"


if __name__ == "__main__":
    sys.exit(main())

"""Runs cells in several processes, each with its own log file, and with GPUs in an order of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from shardwright_worker.engine.environment import prepare_environment
from tools.model_matrix.results import Cell
from tools.model_matrix.run_cell import run_cell

Name = tuple[str, str]  # of a cell: kind and layout
_LOGS = Path(".bench")


def run_cells(names: Sequence[Name], device: str, level: str, jobs: int, gpus: int) -> Iterator[tuple[Name, Cell]]:
    """Yield the cells as they end.

    `level`: of verification, at most; `jobs`: processes; `gpus`: over which they are spread, 0 for none.
    """
    prepare_environment()  # as the worker does, before anything warns
    context = get_context("spawn")
    numbers = context.Queue()
    for number in range(jobs):
        numbers.put(number)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(numbers, gpus)) as pool:
        running = {pool.submit(run_cell, *name, device, level): name for name in names}
        try:
            for done in as_completed(running):
                yield running[done], done.result()
        finally:
            pool.shutdown(cancel_futures=True)  # such as after a model that could not be built


def _begin(numbers: Any, gpus: int) -> None:
    number = numbers.get()
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(str((number + at) % gpus) for at in range(gpus))
    _LOGS.mkdir(exist_ok=True)
    log = os.open(_LOGS / f"model-matrix-{number}.log", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(log, 2)
    os.close(log)

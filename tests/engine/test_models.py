"""The core of the matrix of models: each kind is exact at tp=1, or refused as expected. `make test-models` runs all."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from shardwright_worker.contract.vllm_support.installed import installed_vllm
from tools.model_matrix.expected import expected_result, this_cpu
from tools.model_matrix.kinds import KINDS
from tools.model_matrix.results import FOLDER, read_results
from tools.model_matrix.run_cell import run_cell


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """One process for all cells, whose fork server imports vLLM once."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.core])
def test_a_kind_of_the_core(pool: ProcessPoolExecutor, kind: str) -> None:
    cell = pool.submit(run_cell, kind, "tp=1", "cpu", "generate").result()
    assert (cell.result, cell.stage) == expected_result(this_cpu(), installed_vllm(), kind, "tp=1"), cell.message


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_results_that_are_committed_are_the_expected_ones(path: Path) -> None:
    results = read_results(path)
    found = {
        (kind, layout): (cell.result, cell.stage) for kind, row in results.cells.items() for layout, cell in row.items()
    }
    assert found == {name: expected_result(results.machine, results.vllm, *name) for name in found}

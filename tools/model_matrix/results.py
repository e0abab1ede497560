"""The results of the matrix as data: one file for each machine and release of vLLM."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FOLDER = Path(__file__).parent / "results"


class Cell(BaseModel):
    """How one kind with one layout ended: `exact`, or a reason at a stage with its message.

    `state`: digest of the tensors of all ranks. Two machines have made the same shards if it is equal.
    """

    model_config = ConfigDict(frozen=True)

    result: str
    stage: str = ""
    message: str = ""
    verified_by: str = ""
    state: str = ""
    seconds: float
    run: date


class Results(BaseModel):
    """All cells that were run on a machine with a release of vLLM: kind -> layout -> cell."""

    machine: str
    device: str
    vllm: str
    note: str = ""  # what the page says beside the cells, such as which were left out and why
    cells: dict[str, dict[str, Cell]] = {}

    def add(self, kind: str, layout: str, cell: Cell) -> None:
        """Keep the cell instead of an earlier one."""
        self.cells.setdefault(kind, {})[layout] = cell

    def sort(self, kinds: Iterable[str], layouts: Iterable[str]) -> None:
        """Put the cells in this order, and leave out kinds and layouts that are not in it."""
        columns = list(layouts)
        rows = {kind: self.cells[kind] for kind in kinds if kind in self.cells}
        self.cells = {kind: {name: row[name] for name in columns if name in row} for kind, row in rows.items()}

    def write(self, path: Path) -> None:
        """Write the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=1, exclude_defaults=True) + "\n")


def read_results(path: Path) -> Results:
    """Read the file."""
    return Results.model_validate_json(path.read_text())

"""The layouts in the matrix: how many ranks, and how the worker is called for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tools.model_matrix.kinds import Kind


@dataclass(frozen=True)
class Layout:
    """One layout."""

    tensor: int = 1
    pipeline: int = 1
    experts: bool = False

    @property
    def ranks(self) -> int:
        """The number of ranks, each on an accelerator of its own."""
        return self.tensor * self.pipeline

    def applies_to(self, kind: Kind) -> bool:
        """Return whether it differs from the other layouts for this kind."""
        return kind.experts or not self.experts

    def answers(self, device: str) -> bool:
        """Return whether models are asked.

        vLLM's CPU build cannot answer over pipeline stages and with expert parallelism, from the source as well; four
        ranks take minutes on fewer cores, because they wait for each other without sleeping.
        """
        return device != "cpu" or (self.pipeline == 1 and self.tensor <= 2 and not self.experts)

    def arguments(self, device: str, kind: Kind, level: str) -> tuple[str, ...]:
        """Return the worker's arguments; at the level `generate`, a model that cannot answer is only loaded."""
        if level == "generate" and not (kind.answers and self.answers(device)):
            level = "load"
        sizes = ("--tensor-parallel-size", str(self.tensor), "--pipeline-parallel-size", str(self.pipeline))
        return (*sizes, *(["--enable-expert-parallel"] if self.experts else []), "--verification", level)


LAYOUTS: Mapping[str, Layout] = {
    "tp=1": Layout(),
    "tp=2": Layout(2),
    "tp=4": Layout(4),
    "pp=2": Layout(1, 2),
    "tp=2, pp=2": Layout(2, 2),
    "tp=2, EP": Layout(2, experts=True),
    "tp=4, EP": Layout(4, experts=True),
}

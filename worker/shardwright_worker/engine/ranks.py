"""What ranks and driver tell each other: one small JSON file per rank, in a scratch folder."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLAN = "SHARDWRIGHT_PLAN"  # environment variable: the plan for the ranks, as JSON
_PERIOD = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class RankPlan:
    """What every rank must know. `staging`: where parts go, if it `saves`; `scratch`: where its words go."""

    staging: Path
    scratch: Path
    file_pattern: str
    max_file_size: int
    ranks: int
    saves: bool = True

    def to_environment(self) -> dict[str, str]:
        """The variable that carries the plan into the ranks' processes."""
        values = {
            "staging": str(self.staging),
            "scratch": str(self.scratch),
            "file_pattern": self.file_pattern,
            "max_file_size": self.max_file_size,
            "ranks": self.ranks,
            "saves": self.saves,
        }
        return {PLAN: json.dumps(values)}


def plan_from_environment() -> RankPlan:
    """The plan, in a rank's process."""
    values = json.loads(os.environ[PLAN])
    return RankPlan(
        Path(values["staging"]),
        Path(values["scratch"]),
        values["file_pattern"],
        int(values["max_file_size"]),
        int(values["ranks"]),
        bool(values["saves"]),
    )


def say(scratch: Path, kind: str, rank: int, value: Any) -> None:
    """Leave `value` as this rank's `kind` (saved, failed, bytes, digest), in one step."""
    path = scratch / f"{kind}-{rank}.json"
    part = path.with_suffix(".tmp")
    part.write_text(json.dumps(value))
    part.replace(path)


def heard(scratch: Path, kind: str) -> dict[int, Any]:
    """Rank -> what it said of this kind, so far."""
    return {
        int(path.stem.rsplit("-", 1)[1]): json.loads(path.read_text())
        for path in sorted(scratch.glob(f"{kind}-*.json"))
    }


class Counter:
    """Adds up bytes and tells the sum a few times a second."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell, self._done, self._told = tell, 0, 0.0

    def add(self, size: int) -> None:
        """That many more."""
        self._done += size
        if time.monotonic() - self._told > _PERIOD:
            self._tell(self._done)
            self._told = time.monotonic()

    def finish(self) -> None:
        """Tell the whole sum."""
        self._tell(self._done)

"""What ranks and driver tell each other: one small JSON file per rank, in a scratch folder."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLAN = "SHARDWRIGHT_PLAN"  # environment variable: the plan for the ranks, as JSON


@dataclass(frozen=True, slots=True)
class RankPlan:
    """What every rank must know. `staging`: where parts go; `scratch`: where its words go."""

    staging: Path
    scratch: Path
    file_pattern: str
    max_file_size: int

    def to_environment(self) -> dict[str, str]:
        """The variable that carries the plan into the ranks' processes."""
        values = {
            "staging": str(self.staging),
            "scratch": str(self.scratch),
            "file_pattern": self.file_pattern,
            "max_file_size": self.max_file_size,
        }
        return {PLAN: json.dumps(values)}


def plan_from_environment() -> RankPlan:
    """The plan, in a rank's process."""
    values = json.loads(os.environ[PLAN])
    return RankPlan(
        Path(values["staging"]), Path(values["scratch"]), values["file_pattern"], int(values["max_file_size"])
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

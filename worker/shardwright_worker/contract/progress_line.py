"""Progress lines: JSON on stdout that shows how far a stage is."""

import json
from enum import StrEnum
from typing import Annotated, Literal

from shardwright_worker.contract.bounded_types import Count, Seconds, Wire, otherwise, read_json

MARK = "shardwright"


class Stage(StrEnum):
    """The stages of a worker in their order."""

    PREPARING = "Preparing"
    DOWNLOADING = "Downloading"
    DIGESTING = "Digesting"
    LOADING = "Loading"
    SAVING = "Saving"
    VERIFYING = "Verifying"
    PUBLISHING = "Publishing"
    MEASURING = "Measuring"


# Steps of loading, in their order, by the names that durations have in a manifest and a report.
LOAD_STEPS = ("import", "configure", "startRanks", "readWeights")

MaybeCount = Annotated[Count | None, otherwise(None)]


class Progress(Wire):
    """How far a stage is: bytes, ranks, and seconds since the worker started. A value out of bounds is left out."""

    stage: Stage
    seconds: Annotated[Seconds, otherwise(0.0)] = 0.0
    ranks_done: MaybeCount = None
    ranks: MaybeCount = None
    bytes_done: MaybeCount = None
    bytes_total: MaybeCount = None

    def to_line(self) -> str:
        """Return one line of JSON, without a line end."""
        return json.dumps({MARK: "progress", **self.to_wire()}, separators=(",", ":"))


class _Marked(Wire):
    shardwright: Literal["progress"]


def read_progress(line: str) -> Progress | None:
    """Return the progress in a log line, None if the line is something else."""
    if MARK not in line or not line.startswith("{") or read_json(_Marked, line) is None:
        return None
    return read_json(Progress, line)

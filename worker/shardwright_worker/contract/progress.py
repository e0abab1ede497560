"""Progress lines: JSON on stdout that tell how far a stage is."""

import json
from enum import StrEnum

from pydantic import ValidationError

from shardwright_worker.contract.model import Wire

MARK = "shardwright"


class Stage(StrEnum):
    """The stages of a worker, in their order."""

    PREPARING = "Preparing"
    DOWNLOADING = "Downloading"
    DIGESTING = "Digesting"
    LOADING = "Loading"
    SAVING = "Saving"
    VERIFYING = "Verifying"
    PUBLISHING = "Publishing"


class Progress(Wire):
    """How far a stage is. Sizes in bytes, `seconds` since the worker started."""

    stage: Stage
    seconds: float = 0.0
    ranks_done: int | None = None
    ranks: int | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None

    def to_line(self) -> str:
        """One line of JSON, without line end."""
        return json.dumps({MARK: "progress", **self.to_wire()}, separators=(",", ":"))


def read_progress(line: str) -> Progress | None:
    """The progress in a log line, None if the line is something else."""
    if MARK not in line or not line.startswith("{"):
        return None
    try:
        return Progress.model_validate_json(line)
    except ValidationError:
        return None

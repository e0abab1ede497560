"""What ranks are given, and what each of them leaves for the worker: one frozen type for each message."""

import os
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import Field

from shardwright_worker.contract.manifest import Part
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.message_file import ErrorText, Message, read_message, write_message

PLAN_VARIABLE = "SHARDWRIGHT_PLAN"  # environment variable of the ranks: a RankPlan as JSON


class RankPlan(Message):
    """What the ranks of an engine must know of their EngineJob: they get it in an environment variable."""

    output: Path
    messages: Path  # folder of the ranks' messages
    file_pattern: str
    max_file_size: int
    ranks: int
    saves: bool


class ErrorRecord(Message):
    """What a process keeps of an exception, so that another one can classify it."""

    type: ErrorText
    message: ErrorText
    reason: Reason | None = None  # of a WorkerFailure
    errno: int | None = None
    files: list[ErrorText] = Field(default_factory=list)


class RankMessage(Message):
    """What one rank left for the worker: one file for each rank and kind, replaced as a whole."""

    kind: ClassVar[str]
    rank: int


class RankProgress(RankMessage):
    """How many bytes of a rank's tensors are written, and how many it has."""

    kind: ClassVar[str] = "progress"
    bytes_done: int
    bytes_total: int


class RankSaved(RankMessage):
    """A rank has written and synced its parts. `untied`: its output head differs although the config ties it."""

    kind: ClassVar[str] = "saved"
    parts: list[Part]
    untied: bool


class RankReading(RankMessage):
    """A rank has built its model and begins to read weights into it, at `time` seconds of the monotonic clock."""

    kind: ClassVar[str] = "reading"
    time: float


class RankLoaded(RankMessage):
    """A rank has loaded its weights. `digests`: name -> XXH3-128 of each tensor, before vLLM's post-processing."""

    kind: ClassVar[str] = "loaded"
    digests: dict[str, str]


class RankTimed(RankMessage):
    """A rank has loaded its weights in so many seconds. `bytes_read`: from storage meanwhile; None: not known."""

    kind: ClassVar[str] = "timed"
    seconds: float
    bytes_read: int | None


class RankFailed(RankMessage):
    """An exception ended a rank's work, at `time` seconds of the monotonic clock."""

    kind: ClassVar[str] = "failed"
    error: ErrorRecord
    time: float
    traceback: ErrorText = ""


class RankExited(RankMessage):
    """A rank's process ended with a code that is not 0, negative for a signal; noticed at `time` (monotonic)."""

    kind: ClassVar[str] = "exited"
    code: int
    time: float


K = TypeVar("K", bound=RankMessage)


def write_rank_message(folder: Path, message: RankMessage) -> None:
    """Write a rank's message; it replaces an earlier one of its kind."""
    write_message(rank_file(folder, type(message), message.rank), message)


def read_rank_messages(folder: Path, kind: type[K]) -> dict[int, K]:
    """Return what each rank has written of this kind so far, by rank.

    Raises:
        WorkerFailure: UnexpectedError, if a file is not such a message.
    """
    messages = [read_message(path, kind) for path in sorted(folder.glob(f"{kind.kind}-*.json"))]
    return {message.rank: message for message in messages}


def rank_file(folder: Path, kind: type[RankMessage], rank: int) -> Path:
    """Return the file of a rank's message of this kind."""
    return folder / f"{kind.kind}-{rank}.json"


def plan_environment(plan: RankPlan) -> dict[str, str]:
    """Return the environment variable that brings the plan to the ranks, which vLLM starts."""
    return {PLAN_VARIABLE: plan.model_dump_json()}


def plan_from_environment() -> RankPlan:
    """Return the plan, in a rank's process."""
    return RankPlan.model_validate_json(os.environ[PLAN_VARIABLE])

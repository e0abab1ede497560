"""Finds which of several failed ranks is the cause: the first one that did not fail because another process ended."""

import re
import signal
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.classify import classify_record
from shardwright_worker.engine.error_texts import SECONDARY_FAILURE
from shardwright_worker.engine.io_errors import Folders
from shardwright_worker.engine.rank_messages import RankExited, RankFailed, read_rank_messages

KILLED = "was killed by SIGKILL"
_LONGEST = 4000  # characters of a message that are searched
_HINTS = {
    signal.SIGBUS: "a file that it had mapped could not be read, or /dev/shm is full",
    signal.SIGILL: "this CPU lacks an instruction that the build of vLLM or torch uses",
    signal.SIGSEGV: "the last lines of its log show where",
    signal.SIGABRT: "the last lines of its log show why",
}


def root_cause(messages: Path, default: Reason, folders: Folders) -> WorkerFailure | None:
    """Return the failure of the rank that failed first; None if no rank has failed or exited.

    Exits by SIGTERM are left out: vLLM ends the other ranks with it.
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/v1/executor/multiproc_executor.py
    """
    events: list[RankFailed | RankExited] = list(read_rank_messages(messages, RankFailed).values())
    exits = read_rank_messages(messages, RankExited).values()
    events += [exited for exited in exits if exited.code != -signal.SIGTERM]
    if not events:
        return None
    first = min(events, key=lambda event: (_is_secondary(event), event.time, event.rank))
    if isinstance(first, RankExited):
        return failure_of_exit(f"rank {first.rank}'s process", first.code, first.rank)
    return classify_record(first.error, default, folders, first.rank)


def failure_of_exit(process: str, code: int, rank: int | None = None) -> WorkerFailure:
    """Return the failure of a process that ended without an exception. A lack of memory is not considered here."""
    if code == -signal.SIGKILL:
        how = f"{KILLED}, and not by the worker; the kernel reports no lack of memory"
    elif code < 0:
        number = signal.Signals(-code)
        how = f"was ended by {number.name}" + (f": {_HINTS[number]}" if number in _HINTS else "")
    else:
        how = f"ended with exit code {code} and without a message; the last lines of its log may show why"
    return WorkerFailure(Reason.UNEXPECTED_ERROR, f"{process} {how}", rank=rank, error_type="ProcessEnded")


def _is_secondary(event: RankFailed | RankExited) -> bool:
    if isinstance(event, RankExited) or event.error.reason:
        return False
    text = f"{event.error.type}: {event.error.message[:_LONGEST]}"
    return re.search(SECONDARY_FAILURE, text, re.I) is not None

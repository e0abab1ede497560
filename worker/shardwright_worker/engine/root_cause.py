"""Which of several failed ranks is the cause: the one that failed first, not one that only felt another's end."""

import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.classify import classify_rank
from shardwright_worker.engine.felt import FELT
from shardwright_worker.engine.io_errors import Sides
from shardwright_worker.engine.ranks import heard

KILLED = "was killed by SIGKILL"
_LONGEST = 4000  # characters of a message that are looked at
_HINTS = {
    signal.SIGBUS: "a file that it had mapped could not be read, or /dev/shm is full",
    signal.SIGILL: "this CPU lacks an instruction that the build of vLLM or torch uses",
    signal.SIGSEGV: "the last words of its log say where",
    signal.SIGABRT: "the last words of its log say why",
}


def cause_in(scratch: Path, otherwise: Reason, sides: Sides) -> WorkerFailure | None:
    """The failure of the rank that failed first, as far as ranks have said anything or have died."""
    events = [(rank, said, False) for rank, said in heard(scratch, "failed").items()]
    events += [(rank, said, True) for rank, said in heard(scratch, "died").items() if said["code"] != -signal.SIGTERM]
    if not events:
        return None
    rank, said, died = min(events, key=lambda event: (_is_felt(event[1], event[2]), event[1]["time"], event[0]))
    if died:
        return death(f"rank {rank}'s process", said["code"], rank)
    return classify_rank(rank, said, otherwise, sides)


def death(who: str, code: int, rank: int | None = None) -> WorkerFailure:
    """The failure of a process that ended without a word. Who knows that memory was short says so instead."""
    if code == -signal.SIGKILL:
        how = f"{KILLED}, and not by us; the kernel tells of no lack of memory"
    elif code < 0:
        number = signal.Signals(-code)
        how = f"was ended by {number.name}" + (f": {_HINTS[number]}" if number in _HINTS else "")
    else:
        how = f"ended with exit code {code} and said nothing; its last words are in the log"
    return WorkerFailure(Reason.UNEXPECTED_ERROR, f"{who} {how}", rank=rank, error_type="ProcessEnded")


def _is_felt(said: Mapping[str, Any], died: bool) -> bool:
    if died or said["reason"]:
        return False
    return re.search(FELT, f"{said['type']}: {said['message'][:_LONGEST]}", re.I) is not None

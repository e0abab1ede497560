"""Keeps what went wrong in a rank: vLLM's executors tell the driver little more than that a rank failed."""

import contextlib
import logging
import multiprocessing
import traceback
from collections.abc import Iterator
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.shard.rank import say


@contextlib.contextmanager
def recording(scratch: Path) -> Iterator[None]:
    """What is raised inside is left in the rank's file too."""
    try:
        yield
    except BaseException as error:
        record(scratch, error)
        raise


def record(scratch: Path, error: BaseException) -> None:
    """Leave type and message of what went wrong in this rank; the first failure stays."""
    rank = _this_rank()
    if (scratch / f"failed-{rank}.json").exists() or not isinstance(error, Exception):
        return
    value = {
        "type": type(error).__name__,
        "message": str(error),
        "reason": error.reason.value if isinstance(error, WorkerFailure) else "",
        "errno": getattr(error, "errno", None),
    }
    say(scratch, "failed", rank, {**value, "traceback": "".join(traceback.format_exception(error))[-4000:]})


def watch_log(scratch: Path) -> None:
    """Record what vLLM itself logs with an exception: a rank that fails before or after loading says it there only."""
    logger = logging.getLogger("vllm")
    if not any(isinstance(handler, _Handler) for handler in logger.handlers):
        logger.addHandler(_Handler(scratch))


def _this_rank() -> int:
    """By the name that vLLM gives a rank's process; a single rank lives in the engine's process."""
    _, _, number = multiprocessing.current_process().name.partition("VllmWorker-")
    return int(number) if number.isdigit() else 0


class _Handler(logging.Handler):
    def __init__(self, scratch: Path) -> None:
        super().__init__(logging.ERROR)
        self._scratch = scratch

    def emit(self, logged: logging.LogRecord) -> None:
        if logged.exc_info and logged.exc_info[1]:
            record(self._scratch, logged.exc_info[1])

"""Keeps what went wrong in a rank: vLLM's executors tell the driver little more than that a rank failed."""

import contextlib
import logging
import multiprocessing
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from shardwright_worker.engine.classify import tell
from shardwright_worker.engine.ranks import say


@contextlib.contextmanager
def recording(scratch: Path) -> Iterator[None]:
    """What is raised inside is left in the rank's file too."""
    try:
        yield
    except BaseException as error:
        record(scratch, error)
        raise


def record(scratch: Path, error: BaseException) -> None:
    """Leave what went wrong in this rank, and when; the first failure stays."""
    rank = rank_of_process(multiprocessing.current_process().name) or 0
    if (scratch / f"failed-{rank}.json").exists() or not isinstance(error, Exception):
        return
    text = "".join(traceback.format_exception(error))[-4000:]
    say(scratch, "failed", rank, {**tell(error), "time": time.monotonic(), "traceback": text})


def watch_log(scratch: Path) -> None:
    """Record what vLLM itself logs with an exception: a rank that fails before or after loading says it there only."""
    logger = logging.getLogger("vllm")
    if not any(isinstance(handler, _Handler) for handler in logger.handlers):
        logger.addHandler(_Handler(scratch))


def rank_of_process(name: str) -> int | None:
    """By the name that vLLM gives a rank's process; None for any other, such as the engine's with a single rank."""
    _, mark, number = name.partition("VllmWorker-")
    return int(number) if mark and number.isdigit() else None


class _Handler(logging.Handler):
    def __init__(self, scratch: Path) -> None:
        super().__init__(logging.ERROR)
        self._scratch = scratch

    def emit(self, logged: logging.LogRecord) -> None:
        if logged.exc_info and logged.exc_info[1]:
            record(self._scratch, logged.exc_info[1])

"""Records exceptions in the process of a rank: vLLM's executors pass on little more than that a rank failed.

https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/v1/executor/multiproc_executor.py
"""

import contextlib
import logging
import multiprocessing
import os
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from shardwright_worker.engine.classify import record_of
from shardwright_worker.engine.rank_messages import (
    PLAN_VARIABLE,
    RankFailed,
    plan_from_environment,
    rank_file,
    write_rank_message,
)

_LONGEST = 4000  # characters of a traceback that are kept


@contextlib.contextmanager
def recording(messages: Path) -> Iterator[None]:
    """Record an exception that is raised inside, and pass it on."""
    try:
        yield
    except BaseException as error:
        record(messages, error)
        raise


def record(messages: Path, error: BaseException) -> None:
    """Write this rank's RankFailed, unless it has failed before: the first failure is the one that counts."""
    rank = rank_of_process(multiprocessing.current_process().name) or 0
    if rank_file(messages, RankFailed, rank).exists() or not isinstance(error, Exception):
        return
    text = "".join(traceback.format_exception(error))[-_LONGEST:]
    failed = RankFailed(rank=rank, error=record_of(error), time=time.monotonic(), traceback=text)
    write_rank_message(messages, failed)


def watch_log(messages: Path) -> None:
    """Record what vLLM logs with an exception: a rank that fails before or after loading reports it nowhere else."""
    logger = logging.getLogger("vllm")
    if not any(isinstance(handler, _Handler) for handler in logger.handlers):
        logger.addHandler(_Handler(messages))


def watch_log_of_rank() -> None:
    """Do the same in a rank, which has no handler of the engine's process."""
    if PLAN_VARIABLE in os.environ:
        watch_log(plan_from_environment().messages)


def rank_of_process(name: str) -> int | None:
    """Return the rank in the name of a rank's process; None for other processes.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/v1/executor/multiproc_executor.py#L747

    The only rank of a single-rank engine runs in the engine's process.
    """
    _, mark, number = name.partition("VllmWorker-")
    return int(number) if mark and number.isdigit() else None


class _Handler(logging.Handler):
    def __init__(self, messages: Path) -> None:
        super().__init__(logging.ERROR)
        self._messages = messages

    def emit(self, logged: logging.LogRecord) -> None:
        if logged.exc_info and logged.exc_info[1]:
            record(self._messages, logged.exc_info[1])

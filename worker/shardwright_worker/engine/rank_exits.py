"""Notices in the engine's process how the processes of its ranks end; vLLM's executor reports only that one did.

https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/v1/executor/multiproc_executor.py
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

from shardwright_worker.engine.rank_errors import rank_of_process
from shardwright_worker.engine.rank_messages import RankExited, rank_file, write_rank_message

_PERIOD = 0.05  # seconds between two polls
_GRACE = 30.0  # seconds that vLLM has to notice that a rank has ended
_recording = threading.Lock()
_started: dict[int, BaseProcess] = {}  # by rank; multiprocessing itself forgets processes that were joined


@contextlib.contextmanager
def watch_exits(messages: Path, on_hang: Callable[[], None]) -> Iterator[None]:
    """Record how ranks end that are started inside. `on_hang` is called if the work goes on long after one ended."""
    start, stop = BaseProcess.start, threading.Event()

    def start_and_keep(process: BaseProcess) -> None:
        start(process)
        rank = rank_of_process(process.name)
        if rank is not None:
            _started[rank] = process

    BaseProcess.start = start_and_keep  # type: ignore[method-assign,assignment]
    watch = threading.Thread(target=_watch, args=(messages, stop, on_hang), name="rank-exits", daemon=True)
    watch.start()
    try:
        yield
    finally:
        stop.set()
        BaseProcess.start = start  # type: ignore[method-assign]


def record_exits(messages: Path) -> bool:
    """Write a RankExited for each rank that has ended with another code than 0; return whether there is any."""
    with _recording:
        for rank, process in list(_started.items()):
            if rank_file(messages, RankExited, rank).exists():
                continue
            if code := _exit_code(process):
                write_rank_message(messages, RankExited(rank=rank, code=code, time=time.monotonic()))
    return any(messages.glob(f"{RankExited.kind}-*.json"))


def _watch(messages: Path, stop: threading.Event, on_hang: Callable[[], None]) -> None:
    since: float | None = None
    while not stop.wait(_PERIOD):
        if record_exits(messages) and since is None:
            since = time.monotonic()
        if since is not None and time.monotonic() - since > _GRACE:
            on_hang()
            return


def _exit_code(process: BaseProcess) -> int | None:
    """Return the exit code, None while the process runs."""
    popen = getattr(process, "_popen", None)
    return None if popen is None else popen.poll()

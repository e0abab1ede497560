"""Notes how the processes of ranks end, in the engine's process; vLLM's executor tells only that one ended."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

from shardwright_worker.engine.rank_errors import rank_of_process
from shardwright_worker.engine.ranks import say

_PERIOD = 0.05  # seconds between two looks
_PATIENCE = 30.0  # seconds that vLLM may take to notice that a rank is gone
_noting = threading.Lock()
_started: dict[int, BaseProcess] = {}  # by rank; multiprocessing itself forgets those that were joined


@contextlib.contextmanager
def watching_ranks(scratch: Path, too_late: Callable[[], None]) -> Iterator[None]:
    """While it is entered, ends of ranks are noted. `too_late` is called if the work goes on long after one."""
    start, stop = BaseProcess.start, threading.Event()

    def start_known(process: BaseProcess) -> None:
        start(process)
        rank = rank_of_process(process.name)
        if rank is not None:
            _started[rank] = process

    BaseProcess.start = start_known  # type: ignore[method-assign,assignment]
    watch = threading.Thread(target=_watch, args=(scratch, stop, too_late), name="rank-deaths", daemon=True)
    watch.start()
    try:
        yield
    finally:
        stop.set()
        BaseProcess.start = start  # type: ignore[method-assign]


def note_deaths(scratch: Path) -> bool:
    """Note the ranks that have ended; whether there are any."""
    with _noting:
        for rank, process in list(_started.items()):
            if (scratch / f"died-{rank}.json").exists():
                continue
            if code := _exit_code(process):
                say(scratch, "died", rank, {"code": code, "time": time.monotonic()})
    return any(scratch.glob("died-*.json"))


def _watch(scratch: Path, stop: threading.Event, too_late: Callable[[], None]) -> None:
    since: float | None = None
    while not stop.wait(_PERIOD):
        if note_deaths(scratch) and since is None:
            since = time.monotonic()
        if since is not None and time.monotonic() - since > _PATIENCE:
            too_late()
            return


def _exit_code(process: BaseProcess) -> int | None:
    """How it ended, None while it lives. Looked at without reaping, so that its owner sees it too."""
    if process.pid is None:
        return None
    try:
        state = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # it was reaped
        return getattr(getattr(process, "_popen", None), "returncode", None)
    if state is None:
        return None
    return state.si_status if state.si_code == os.CLD_EXITED else -state.si_status

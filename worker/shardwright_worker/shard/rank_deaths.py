"""Notes how the processes of ranks end, in the engine's process; vLLM's executor tells only that one ended."""

import contextlib
import multiprocessing.process
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from shardwright_worker.shard.rank import say
from shardwright_worker.shard.rank_failure import rank_of_process

_PERIOD = 0.05  # seconds between two looks
_PATIENCE = 30.0  # seconds that vLLM may take to notice that a rank is gone


@contextlib.contextmanager
def watching_ranks(scratch: Path, too_late: Callable[[], None]) -> Iterator[None]:
    """While it is entered, ends of ranks are noted. `too_late` is called if the work goes on long after one."""
    stop = threading.Event()
    watch = threading.Thread(target=_watch, args=(scratch, stop, too_late), name="rank-deaths", daemon=True)
    watch.start()
    try:
        yield
    finally:
        stop.set()
        note_deaths(scratch, set())


def note_deaths(scratch: Path, known: set[int]) -> None:
    """Note the ranks that have ended and are not known yet."""
    # multiprocessing.active_children() would reap them, which is vLLM's business.
    for process in list(getattr(multiprocessing.process, "_children", ())):
        rank = rank_of_process(process.name)
        if rank is None or rank in known or (scratch / f"died-{rank}.json").exists():
            continue
        code = _exit_code(process)
        if code:
            known.add(rank)
            say(scratch, "died", rank, {"code": code, "time": time.monotonic()})


def _watch(scratch: Path, stop: threading.Event, too_late: Callable[[], None]) -> None:
    known: set[int] = set()
    since: float | None = None
    while not stop.wait(_PERIOD):
        note_deaths(scratch, known)
        if known and since is None:
            since = time.monotonic()
        if since is not None and time.monotonic() - since > _PATIENCE:
            too_late()
            return


def _exit_code(process: "multiprocessing.process.BaseProcess") -> int | None:
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

"""Says on standard error what the cluster is doing, one line a step, with the seconds each took."""

from __future__ import annotations

import fcntl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def say(text: str) -> None:
    """One line for the person who waits."""
    print(f"cluster: {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Announce a step that takes a while, and tell how long it took once it is done."""
    say(f"{text} ...")
    started = time.monotonic()
    yield
    say(f"{text}: {time.monotonic() - started:.1f} s")


@contextmanager
def alone(file: Path, text: str) -> Iterator[None]:
    """Hold a lock on this file, and say so when somebody else holds it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{text}: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class ClusterError(Exception):
    """Something a person must know, said in words; shown without a traceback."""

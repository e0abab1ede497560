"""Locks between processes of this user: builds and commands for a cluster exclude each other."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.cluster.progress import say


@contextmanager
def exclusive(file: Path, holder: str) -> Iterator[None]:
    """Hold a lock on this file; print `holder`, which describes the other process, if it has to wait."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{holder}: waiting until it ends")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield

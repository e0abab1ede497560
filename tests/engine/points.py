"""Stops a process of the worker exactly where a named function begins: a module for Python's startup does it.

The worker has no code for this. A process that reaches the point first leaves a file, so that it happens once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_CODE = """
import functools, importlib.util, multiprocessing, os, sys

MODULE, FUNCTION, NUMBER, RANK, WHOM, REACHED = os.environ["STOP_AT"].split("|")


def stop():
    if RANK and not multiprocessing.current_process().name.endswith("VllmWorker-" + RANK):
        return
    try:
        os.close(os.open(REACHED, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    whom = os.getpid()
    if WHOM == "fork server":
        from multiprocessing.forkserver import _forkserver
        whom = _forkserver._forkserver_pid
    os.kill(whom, int(NUMBER))


def wrap(module):
    *outer, last = FUNCTION.split(".")
    owner = functools.reduce(getattr, outer, module)
    real = getattr(owner, last)

    @functools.wraps(real)
    def stopping(*args, **kwargs):
        stop()
        return real(*args, **kwargs)

    setattr(owner, last, stopping)


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            wrap(module)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder())
"""


@dataclass(frozen=True)
class Point:
    """Where to stop: a function of a module, in any process or in the process of a rank; whom to stop there."""

    module: str
    function: str
    rank: str = ""
    whom: str = "self"

    @classmethod
    def at(cls, function: Callable[..., object], rank: str = "", whom: str = "self") -> Point:
        """Return the point where this function or method begins."""
        return cls(function.__module__, function.__qualname__, rank, whom)

    def __str__(self) -> str:
        where = f"{self.module.rpartition('.')[2]}.{self.function}"
        return f"{where} rank {self.rank}" if self.rank else f"{where} {self.whom}"


def start(
    source: Path, output: Path, attempt: str, *flags: str, point: Point | None = None, number: int = signal.SIGKILL
) -> subprocess.Popen[str]:
    """The worker's shard stage as a process, of two ranks; stopped at the point if one is given."""
    command = [sys.executable, "-m", "shardwright_worker", "shard", "--source", str(source)]
    command += ["--output", str(output), "--tensor-parallel-size", "2", "--attempt", attempt, *flags]
    environment = dict(os.environ)
    if point:
        folder = output.parent / f"startup-{attempt}"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_CODE)
        before = environment.get("PYTHONPATH", "")
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), before)))
        facts = (point.module, point.function, str(int(number)), point.rank, point.whom, str(reached(output, attempt)))
        environment["STOP_AT"] = "|".join(facts)
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True, env=environment)


def reached(output: Path, attempt: str) -> Path:
    """The file that is there once the point was reached."""
    return output.parent / f"reached-{attempt}"

"""Runs an engine process: forks it from one that has vLLM imported, watches it, and leaves nothing of it behind.

vLLM is imported once, by a server process that then only forks: saving, proving and generating each get a fresh process
without paying for the import again. Each is the leader of a process group of its own, which its ranks belong to.
"""

import importlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.messages import ANSWER, JOB
from shardwright_worker.engine.process_group import die_with_parent, end_group, killed_for_memory, shared_memory_of
from shardwright_worker.engine.root_cause import KILLED, death

# Reasons that a rank's end can look like where nobody heard its cause.
_SPEECHLESS = (Reason.UNEXPECTED_ERROR, Reason.COMMUNICATION_FAILED, Reason.VERIFICATION_FAILED)
PERIOD = 0.2  # seconds between two looks at a child
_SERVER_GONE = 255  # what Python makes of a child whose fork server is gone
_server = multiprocessing.get_context("forkserver")
_running: set["Child"] = set()


def warm_up() -> None:
    """Begin to import vLLM, in the background."""
    from multiprocessing import forkserver

    _server.set_forkserver_preload(["shardwright_worker.shard.preload"])
    forkserver.ensure_running()


class Child:
    """One process of ours that uses vLLM: runs `main` of `module` with a job. What it prints goes to standard error."""

    def __init__(self, module: str, folder: Path, job: dict[str, Any], environment: dict[str, str]) -> None:
        self._answer = folder / ANSWER
        folder.mkdir(parents=True, exist_ok=True)
        (folder / JOB).write_text(json.dumps(job))
        self._shared_memory: set[str] = set()
        self._killed_before = killed_for_memory()
        self._process = _server.Process(target=_enter, args=(module, str(folder), environment))
        try:
            warm_up()
            self._process.start()
        except (OSError, EOFError) as error:
            raise _no_server(killed_for_memory() > self._killed_before) from error
        _running.add(self)

    def wait(self, on_look: Callable[[], None]) -> dict[str, Any]:
        """Its answer. Raises WorkerFailure with what it said, or with how it died."""
        while self._process.exitcode is None and not self._answer.exists():
            self._process.join(PERIOD)
            self._shared_memory |= shared_memory_of(self._process.pid)
            on_look()
        code = self._process.exitcode
        killed = killed_for_memory() > self._killed_before
        self.stop()  # an answer is given when all work is done: there is nothing to wait for
        if not self._answer.exists():
            raise _death(code or 0, killed)
        answer: dict[str, Any] = json.loads(self._answer.read_text())
        if told := answer.get("failure"):
            raise _failure(told, killed)
        value: dict[str, Any] = answer["value"]
        return value

    def stop(self) -> None:
        """End the child and its ranks, whatever state they are in."""
        _running.discard(self)
        end_group(self._process.pid, self._shared_memory)
        self._process.join()


def stop_all() -> None:
    """End every child; called when the worker is told to stop."""
    for child in list(_running):
        child.stop()


def _enter(module: str, folder: str, environment: dict[str, str]) -> None:
    """The child's beginning: its own group, its own temporary folder, and nothing on our standard output."""
    os.setsid()
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    os.environ.update(environment)
    temporary = Path(folder) / "tmp"
    temporary.mkdir()
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    importlib.import_module(module).main(Path(folder))


def _failure(told: dict[str, Any], killed: bool) -> WorkerFailure:
    reason, message = Reason(told["reason"]), told["message"]
    if killed and (KILLED in message or reason in _SPEECHLESS):
        reason, message = Reason.OUT_OF_MEMORY, f"A rank was killed because the pod's memory was used up ({message})"
    return WorkerFailure(reason, message, rank=told["rank"], error_type=told["error_type"])


def _death(code: int, killed: bool) -> WorkerFailure:
    if killed:
        return WorkerFailure(Reason.OUT_OF_MEMORY, "The engine's process was killed: the memory was used up")
    if code == _SERVER_GONE:
        return _no_server(killed)
    return death("The engine's process", code)


def _no_server(killed: bool) -> WorkerFailure:
    if killed:
        return WorkerFailure(Reason.OUT_OF_MEMORY, "The fork server was killed: the memory was used up")
    message = "the process that engine processes are forked from ended or was killed, and not by us"
    return WorkerFailure(Reason.UNEXPECTED_ERROR, message, error_type="ProcessEnded")

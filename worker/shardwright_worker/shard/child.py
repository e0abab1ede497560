"""Runs an engine process: starts it in a session of its own, watches it, and leaves nothing of it behind."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.shard.answer import ANSWER, STEPS

PERIOD = 0.5  # seconds between two looks at a child
_PR_SET_PDEATHSIG = 1
_running: set["Child"] = set()


class Child:
    """One process of ours that uses vLLM. What it prints goes to our standard error."""

    def __init__(self, module: str, folder: Path, job: dict[str, Any], environment: dict[str, str]) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "JOB.json").write_text(json.dumps(job))
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, str(folder / "JOB.json")],
            stdout=sys.stderr,
            stdin=subprocess.PIPE,
            env={**os.environ, **environment},
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),
        )
        _running.add(self)

    def go(self) -> None:
        """Let a child go on that waits for its standard input (`wait_for_go`)."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def steps(self) -> list[str]:
        """The steps that the child has said so far."""
        path = self._folder / STEPS
        return path.read_text().split() if path.exists() else []

    def wait(self, on_look: Callable[[], None]) -> dict[str, Any]:
        """Its answer. Raises WorkerFailure with what it said, or with how it died."""
        while True:
            try:
                self._process.wait(PERIOD)
                break
            except subprocess.TimeoutExpired:
                on_look()
        self.stop()
        path = self._folder / ANSWER
        if not path.exists():
            raise _death(self._process.returncode)
        answer: dict[str, Any] = json.loads(path.read_text())
        if told := answer.get("failure"):
            raise WorkerFailure(
                Reason(told["reason"]), told["message"], rank=told["rank"], error_type=told["error_type"]
            )
        value: dict[str, Any] = answer["value"]
        return value

    def stop(self) -> None:
        """End the child and its ranks, whatever state they are in."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        _running.discard(self)


def stop_all() -> None:
    """End every child; called when the worker is told to stop."""
    for child in list(_running):
        child.stop()


def wait_for_go() -> threading.Event:
    """In a child: an event that is set when the parent lets it go on."""
    event = threading.Event()

    def read() -> None:
        sys.stdin.read()
        event.set()

    threading.Thread(target=read, daemon=True).start()
    return event


def _death(code: int) -> WorkerFailure:
    if code == -signal.SIGKILL:
        return WorkerFailure(
            Reason.OUT_OF_MEMORY, "The engine's process was killed (SIGKILL): most likely out of memory"
        )
    how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    return WorkerFailure(
        Reason.WORKER_PROTOCOL_ERROR, f"The engine's process ended {how} and said nothing; see the log"
    )


def _die_with(parent: int) -> Callable[[], None]:
    """Run in the child before it starts: it must not outlive the worker, even one that was killed."""
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return prepare

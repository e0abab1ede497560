"""Processes of the engine end in every way that a machine knows; the worker says how, and takes none for another."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.child import Child, stop_all


def _run(folder: Path, **job: Any) -> Child:
    return Child("tools.testing.child_job", folder / "child", job, {})


def _failure(child: Child, **watch: Any) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as failed:
        child.wait(watch.get("on_look", lambda: None))
    return failed.value


def test_it_answers(tmp_path: Path) -> None:
    assert _run(tmp_path, tell=1).wait(lambda: None) == {"told": 1}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGTERM])
def test_it_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    failure = _failure(_run(tmp_path, end=int(number)))
    assert failure.reason is Reason.UNEXPECTED_ERROR
    assert number.name in failure.message


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS])
@pytest.mark.parametrize("felt", ["", "cancelled", "[gloo] Connection closed by peer", "something unheard of"])
def test_a_rank_of_it_is_killed(tmp_path: Path, number: signal.Signals, felt: str) -> None:
    failure = _failure(_run(tmp_path, rank=int(number), felt=felt))
    assert (failure.reason, failure.rank) == (Reason.UNEXPECTED_ERROR, 1)
    assert (
        f"rank 1's process was {'killed' if number == signal.SIGKILL else 'ended'} by {number.name}" in failure.message
    )


def test_the_fork_server_is_killed(tmp_path: Path) -> None:
    from multiprocessing.forkserver import _forkserver

    server: Any = _forkserver
    child = _run(tmp_path, wait=True)
    failure = _failure(child, on_look=lambda: _kill(server._forkserver_pid))
    assert failure.reason is Reason.UNEXPECTED_ERROR
    assert "forked from" in failure.message
    assert _run(tmp_path / "next", tell=2).wait(lambda: None) == {"told": 2}


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass


def test_all_are_stopped(tmp_path: Path) -> None:
    child = _run(tmp_path, wait=True)
    pid = child._process.pid
    assert pid is not None
    stop_all()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

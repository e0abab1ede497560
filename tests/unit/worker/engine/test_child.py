"""Engine processes end in every way that a system knows; the worker reports how, and takes none for another."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.child import Child, _failure, _failure_of_exit, stop_all
from shardwright_worker.engine.guarded_calls import GuardedCalls
from shardwright_worker.engine.messages import EngineFailed, EngineJob, EngineResult
from shardwright_worker.engine.root_cause import failure_of_exit
from tools.testing import engine_jobs

SIGNALS = [signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS]


def _start(folder: Path, run: Callable[[EngineJob, GuardedCalls], EngineResult]) -> Child[EngineResult]:
    job = EngineJob(output=folder / "output", scratch=folder / "scratch", settings=EngineSettings())
    return Child(run, EngineResult, job)


def _fail(child: Child[EngineResult], on_poll: Callable[[], None] = lambda: None) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as failed:
        child.wait(on_poll)
    return failed.value


def test_a_result_is_returned(tmp_path: Path) -> None:
    result = _start(tmp_path, partial(engine_jobs.succeed, "abc")).wait(lambda: None)
    assert result == EngineResult(runtime_digests={0: "abc"})


def test_a_result_that_is_not_whole_fails(tmp_path: Path) -> None:
    failure = _fail(_start(tmp_path, engine_jobs.end_without_a_whole_result))
    assert failure.reason is Reason.UNEXPECTED_ERROR
    assert "result.json is not a message of type EngineResult" in failure.message


@pytest.mark.parametrize("number", [*SIGNALS, signal.SIGTERM])
def test_a_process_that_ends_by_a_signal_fails(tmp_path: Path, number: signal.Signals) -> None:
    failure = _fail(_start(tmp_path, partial(engine_jobs.end_by_signal, int(number))))
    assert failure.reason is Reason.UNEXPECTED_ERROR
    assert number.name in failure.message


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("reported", ["", "cancelled", "[gloo] Connection closed by peer", "an unknown text"])
def test_a_rank_that_ends_by_a_signal_is_named(tmp_path: Path, number: signal.Signals, reported: str) -> None:
    failure = _fail(_start(tmp_path, partial(engine_jobs.lose_rank, int(number), reported)))
    assert (failure.reason, failure.rank) == (Reason.UNEXPECTED_ERROR, 1)
    how = "killed" if number == signal.SIGKILL else "ended"
    assert f"rank 1's process was {how} by {number.name}" in failure.message


def test_a_killed_fork_server_is_named_and_replaced(tmp_path: Path) -> None:
    from multiprocessing.forkserver import _forkserver

    server: Any = _forkserver
    failure = _fail(_start(tmp_path, engine_jobs.wait), lambda: _kill(server._forkserver_pid))
    assert failure.reason is Reason.UNEXPECTED_ERROR
    assert "the fork server" in failure.message
    result = _start(tmp_path / "next", partial(engine_jobs.succeed, "next")).wait(lambda: None)
    assert result.runtime_digests == {0: "next"}


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass


def test_stop_all_ends_every_process(tmp_path: Path) -> None:
    child = _start(tmp_path, engine_jobs.wait)
    pid = child._process.pid
    assert pid is not None
    stop_all()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("number", [*SIGNALS, signal.SIGABRT, signal.SIGILL])
def test_out_of_memory_is_reported_only_if_the_kernel_counted_it(number: signal.Signals) -> None:
    assert _failure_of_exit(-number, killed=False).reason is Reason.UNEXPECTED_ERROR
    assert number.name in _failure_of_exit(-number, killed=False).message
    assert _failure_of_exit(-number, killed=True).reason is Reason.OUT_OF_MEMORY
    failed = EngineFailed.of(failure_of_exit("rank 1's process", -number, 1))
    assert _failure(failed, killed=False).reason is Reason.UNEXPECTED_ERROR
    assert _failure(failed, killed=True).reason is Reason.OUT_OF_MEMORY


def test_a_distinct_failure_is_kept_if_memory_was_used_up_too() -> None:
    failed = EngineFailed(reason=Reason.SOURCE_INCOMPLETE, message="no norm", rank=0, error_type="ValueError")
    assert _failure(failed, killed=True).reason is Reason.SOURCE_INCOMPLETE

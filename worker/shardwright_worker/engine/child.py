"""Starts an engine process, waits for its result, and ends it with everything that it started.

    worker --fork server (has vLLM imported)--fork--> engine process --vLLM--> ranks

vLLM is imported once, by the fork server: saving and verifying each get a fresh process without another import. Each is
the leader of a process group of its own, to which its ranks belong.
"""

import multiprocessing
from collections.abc import Callable
from typing import Generic, TypeVar

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.child_main import child_main
from shardwright_worker.engine.guarded_calls import GuardedCalls
from shardwright_worker.engine.messages import EngineFailed, EngineJob, EngineOutcome, has_outcome, read_outcome
from shardwright_worker.engine.process_group import end_group, killed_for_memory, shared_memory_of
from shardwright_worker.engine.root_cause import KILLED, failure_of_exit

R_co = TypeVar("R_co", bound=EngineOutcome, covariant=True)
# Reasons that the end of a rank may get where its true cause was not recorded.
_INDISTINCT = (Reason.UNEXPECTED_ERROR, Reason.COMMUNICATION_FAILED, Reason.VERIFICATION_FAILED)
PERIOD = 0.2  # seconds between two polls of a child
_SERVER_GONE = 255  # the exit code that Python reports for a child whose fork server has ended
_server = multiprocessing.get_context("forkserver")
_running: set["Child[EngineOutcome]"] = set()


def warm_up(module: str) -> None:
    """Start the fork server and let it import `module`, in the background.

    The module is named, not passed: only the fork server may import it, for it imports vLLM.
    """
    from multiprocessing import forkserver

    _server.set_forkserver_preload([module])
    forkserver.ensure_running()


class Child(Generic[R_co]):
    """An engine process: calls `run` with a job. What it prints is written to standard error."""

    def __init__(self, run: Callable[[EngineJob, GuardedCalls], R_co], result: type[R_co], job: EngineJob) -> None:
        """Start the process. `run` is a function of a module, which the process imports.

        Raises:
            WorkerFailure: if the fork server cannot be started.
        """
        self._job, self._result = job, result
        job.rank_messages.mkdir(parents=True)
        self._shared_memory: set[str] = set()
        self._killed_before = killed_for_memory()
        self._process = _server.Process(target=child_main, args=(run, job))
        try:
            self._process.start()
        except (OSError, EOFError) as error:
            raise _no_server(killed_for_memory() > self._killed_before) from error
        _running.add(self)

    def wait(self, on_poll: Callable[[], None]) -> R_co:
        """Return the result of the process, and end the process. `on_poll` is called every PERIOD seconds.

        Raises:
            WorkerFailure: the failure that the process wrote, or the way it died.
        """
        while self._process.exitcode is None and not has_outcome(self._job.scratch):
            self._process.join(PERIOD)
            self._shared_memory |= shared_memory_of(self._process.pid)
            on_poll()
        code = self._process.exitcode
        killed = killed_for_memory() > self._killed_before
        self.stop()  # the outcome is written when all work is done: there is nothing to wait for
        outcome = read_outcome(self._job.scratch, self._result)
        if outcome is None:
            raise _failure_of_exit(code or 0, killed)
        if isinstance(outcome, EngineFailed):
            raise _failure(outcome, killed)
        return outcome

    def stop(self) -> None:
        """End the process and its ranks, whatever state they are in."""
        _running.discard(self)
        end_group(self._process.pid, self._shared_memory)
        self._process.join()


def stop_all() -> None:
    """End every engine process; called when the worker is terminated."""
    for child in list(_running):
        child.stop()


def _failure(failed: EngineFailed, killed: bool) -> WorkerFailure:
    reason, message = failed.reason, failed.message
    if killed and (KILLED in message or reason in _INDISTINCT):
        reason, message = Reason.OUT_OF_MEMORY, f"A rank was killed because the pod's memory was used up ({message})"
    return WorkerFailure(reason, message, rank=failed.rank, error_type=failed.error_type)


def _failure_of_exit(code: int, killed: bool) -> WorkerFailure:
    if killed:
        return WorkerFailure(Reason.OUT_OF_MEMORY, "The engine's process was killed: the memory was used up")
    if code == _SERVER_GONE:
        return _no_server(killed)
    return failure_of_exit("The engine's process", code)


def _no_server(killed: bool) -> WorkerFailure:
    if killed:
        return WorkerFailure(Reason.OUT_OF_MEMORY, "The fork server was killed: the memory was used up")
    message = "the fork server, from which engine processes are forked, ended or was killed, and not by the worker"
    return WorkerFailure(Reason.UNEXPECTED_ERROR, message, error_type="ProcessEnded")

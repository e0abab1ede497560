"""Calls of an engine process into vLLM: an error becomes a failure with a reason, a rank's before the driver's."""

import contextlib
import os
import traceback
from collections.abc import Callable, Iterator
from typing import TypeVar

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.classify import classify
from shardwright_worker.engine.io_errors import Folders
from shardwright_worker.engine.messages import EngineFailed, EngineJob, write_outcome
from shardwright_worker.engine.rank_exits import record_exits, watch_exits
from shardwright_worker.engine.root_cause import root_cause

T = TypeVar("T")


class GuardedCalls:
    """The calls of the engine process that does `job`."""

    def __init__(self, job: EngineJob) -> None:
        self._job = job
        self.folders = Folders(job.source, job.output)

    def run(self, call: Callable[[], T], default: Reason) -> T:
        """Return what `call` returns.

        Raises:
            WorkerFailure: with the reason of the error, `default` if its text is not known.
        """
        try:
            return call()
        except Exception as error:
            traceback.print_exc()
            raise classify(error, default, self.folders) from error

    def run_ranks(self, call: Callable[[], T], default: Reason) -> T:
        """Do the same for a call that ranks serve: if one of them has failed, its failure is raised.

        Raises:
            WorkerFailure: as `run` does.
        """
        try:
            return call()
        except Exception as error:
            traceback.print_exc()
            raise self._failure(error, default) from error

    @contextlib.contextmanager
    def watching_ranks(self) -> Iterator[None]:
        """Record how ranks end inside; if vLLM waits on for one that has ended, report that and end this process."""
        with watch_exits(self._job.rank_messages, self._leave):
            yield

    def _failure(self, error: Exception, default: Reason) -> WorkerFailure:
        record_exits(self._job.rank_messages)
        cause = root_cause(self._job.rank_messages, default, self.folders)
        return cause or classify(error, default, self.folders)

    def _leave(self) -> None:
        error = TimeoutError("vLLM waits for a rank that has ended")
        write_outcome(self._job.scratch, EngineFailed.of(self._failure(error, Reason.UNEXPECTED_ERROR)))
        os._exit(1)

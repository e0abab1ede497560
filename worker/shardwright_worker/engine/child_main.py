"""The beginning and the end of an engine process, inside that process."""

import os
import pickle
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.classify import classify
from shardwright_worker.engine.device_use import forked_after_use
from shardwright_worker.engine.guarded_calls import GuardedCalls
from shardwright_worker.engine.messages import EngineFailed, EngineJob, EngineOutcome, write_outcome
from shardwright_worker.engine.process_group import die_with_parent
from shardwright_worker.engine.rank_messages import plan_environment

Run = Callable[[EngineJob, GuardedCalls], EngineOutcome]


def child_main(run: Run, job: EngineJob) -> None:
    """Do the job with `run`, and write its result, or the failure that it raised."""
    _leave_the_parents_group(job)
    if forked_after_use():
        _start_from_scratch(run, job)
    _do(run, job)


def _start_from_scratch(run: Run, job: EngineJob) -> None:
    """Replace the program of this process by a fresh Python, which imports vLLM again."""
    print("vLLM initialized CUDA while it was imported: this engine process imports it again", flush=True)
    call = job.scratch / "call"
    call.write_bytes(pickle.dumps((run, job)))
    os.execv(sys.executable, [sys.executable, "-m", __name__, str(call)])  # noqa: S606


def _do(run: Run, job: EngineJob) -> None:
    calls = GuardedCalls(job)
    outcome: EngineOutcome | EngineFailed
    try:
        outcome = run(job, calls)
    except WorkerFailure as failure:
        outcome = EngineFailed.of(failure)
    except Exception as error:
        traceback.print_exc()
        outcome = EngineFailed.of(classify(error, Reason.UNEXPECTED_ERROR, calls.folders))
    write_outcome(job.scratch, outcome)


def _leave_the_parents_group(job: EngineJob) -> None:
    """Set up a process group, a temporary folder and a standard output of this process alone."""
    os.setsid()
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.dup2(2, 1)  # the worker's standard output carries progress lines and the report, and nothing else
    sys.stdout = sys.stderr
    os.environ.update(plan_environment(job.rank_plan))
    temporary = job.scratch / "tmp"
    temporary.mkdir()
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)


if __name__ == "__main__":
    _do(*pickle.loads(Path(sys.argv[1]).read_bytes()))  # noqa: S301

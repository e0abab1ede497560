"""Jobs of the engine process for tests that need no vLLM: return a result, wait, or end in one of several ways."""

from __future__ import annotations

import multiprocessing
import os
import time

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.guarded_calls import GuardedCalls
from shardwright_worker.engine.messages import EngineJob, EngineResult


def succeed(digest: str, _job: EngineJob, _calls: GuardedCalls) -> EngineResult:
    """Return a result with this runtime digest."""
    return EngineResult(runtime_digests={0: digest})


def wait(_job: EngineJob, _calls: GuardedCalls) -> EngineResult:
    """Run longer than any test."""
    time.sleep(600)
    return EngineResult(runtime_digests={})


def end_by_signal(number: int, job: EngineJob, calls: GuardedCalls) -> EngineResult:
    """Kill this process with a signal."""
    os.kill(os.getpid(), number)
    return wait(job, calls)


def end_without_a_whole_result(job: EngineJob, calls: GuardedCalls) -> EngineResult:
    """Leave an incomplete result."""
    (job.scratch / "result.json").write_text('{"runtime_digests"')
    return wait(job, calls)


def lose_rank(number: int, reported: str, _job: EngineJob, calls: GuardedCalls) -> EngineResult:
    """Kill rank 1 with a signal, of which vLLM's driver shows only the text `reported`."""
    with calls.watching_ranks():
        calls.run_ranks(lambda: _lose(number, reported), Reason.VERIFICATION_FAILED)
    return EngineResult(runtime_digests={})


def _lose(number: int, reported: str) -> None:
    fork = multiprocessing.get_context("fork")
    ranks = [fork.Process(target=time.sleep, args=(600,), name=f"VllmWorker-{rank}") for rank in range(2)]
    for rank in ranks:
        rank.start()
    os.kill(ranks[1].pid or 0, number)
    ranks[1].join()
    ranks[0].terminate()
    ranks[0].join()
    raise RuntimeError(reported or "Worker proc VllmWorker-1 died unexpectedly, shutting down executor.")

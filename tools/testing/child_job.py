"""What a child process of the worker does in tests that need none of vLLM: answers, waits, or ends in some way."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from pathlib import Path

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.io_errors import Sides
from shardwright_worker.engine.messages import JOB, answering
from shardwright_worker.engine.rank_exits import watching_ranks


def main(folder: Path) -> None:
    """As the folder's job says: `end` by a signal, let a `rank` end by one, `wait`, or answer."""
    job = json.loads((folder / JOB).read_text())
    with answering(folder, Sides()) as answer:
        if number := job.get("end"):
            os.kill(os.getpid(), number)
        if number := job.get("rank"):
            scratch = folder / "ranks"
            scratch.mkdir()
            with watching_ranks(scratch, lambda: None):
                answer.guard(lambda: _lose(number, job.get("felt", "")), Reason.VERIFICATION_FAILED, scratch)
        if job.get("wait"):
            time.sleep(600)
        answer.finish({"told": job.get("tell")})


def _lose(number: int, felt: str) -> None:
    """A rank ends, and vLLM's driver tells little of it."""
    fork = multiprocessing.get_context("fork")
    ranks = [fork.Process(target=time.sleep, args=(600,), name=f"VllmWorker-{rank}") for rank in range(2)]
    for rank in ranks:
        rank.start()
    os.kill(ranks[1].pid or 0, number)
    ranks[1].join()
    ranks[0].terminate()
    ranks[0].join()
    raise RuntimeError(felt or "Worker proc VllmWorker-1 died unexpectedly, shutting down executor.")

"""Runs the engine's process that loads the source, and saves its shards if they are wanted."""

import shutil
from pathlib import Path
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.progress_line import Stage
from shardwright_worker.engine.child import Child, stop_all
from shardwright_worker.engine.ranks import RankPlan, heard
from shardwright_worker.shard.read_ahead import reading_ahead
from shardwright_worker.shard.shard_request import ShardRequest
from shardwright_worker.shard.source_guard import SourceGuard
from shardwright_worker.shard.stage_clock import Clock


def load_source(
    request: ShardRequest, guard: SourceGuard, output: Path, saves: bool, scratch: Path, clock: Clock
) -> dict[str, Any]:
    """What the engine told. `output`: where parts go, or where the artifact is. Raises WorkerFailure.

    A load that failed because the source changed meanwhile says that; one that went well proves nothing by itself.
    """
    ranks = request.settings.world_size
    plan = RankPlan(output, scratch / "ranks", request.file_pattern, request.max_file_size, ranks, saves)
    plan.scratch.mkdir()
    job = {
        "source": str(request.source),
        "output": str(output),
        "engine": request.settings.model_dump(),
        "scratch": str(plan.scratch),
        "file_pattern": request.file_pattern,
        "answers": request.verification == "generate",
    }
    clock.start(Stage.LOADING)
    engine = Child("shardwright_worker.shard.engine_process", scratch / "engine", job, plan.to_environment())
    try:
        with reading_ahead(request.source):
            told = engine.wait(lambda: _look(plan, clock))
    except WorkerFailure as failure:
        raise guard.blame(failure) from failure
    finally:
        stop_all()
        shutil.rmtree(scratch / "engine", ignore_errors=True)
    guard.check("while it was loaded")
    return told


def _look(plan: RankPlan, clock: Clock) -> None:
    """Tell how far the ranks are."""
    written = heard(plan.scratch, "bytes")
    if written:
        clock.start(Stage.SAVING)
        done = len(heard(plan.scratch, "saved"))
        so_far = sum(one["done"] for one in written.values())
        total = sum(one["total"] for one in written.values()) if len(written) == plan.ranks else None
        clock.tell(ranks_done=done, ranks=plan.ranks, bytes_done=so_far, bytes_total=total)
    else:
        clock.tell(ranks=plan.ranks)

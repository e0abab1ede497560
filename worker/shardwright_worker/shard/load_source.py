"""Runs the engine process that loads the source, and that saves its shards if they are needed."""

import shutil
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.progress_line import LOAD_STEPS, Stage
from shardwright_worker.engine.child import Child, stop_all
from shardwright_worker.engine.messages import EngineJob, LoadTimes, SourceResult
from shardwright_worker.engine.rank_messages import RankProgress, RankSaved, read_rank_messages
from shardwright_worker.shard.read_ahead import reading_ahead
from shardwright_worker.shard.shard_process import load_and_save
from shardwright_worker.shard.shard_request import ShardRequest
from shardwright_worker.shard.source_guard import SourceGuard
from shardwright_worker.shard.stage_clock import StageClock


def load_source(
    request: ShardRequest, guard: SourceGuard, output: Path, saves: bool, scratch: Path, clock: StageClock
) -> SourceResult:
    """Load the source in an engine process. `output`: the folder of the parts that are written, or of the artifact.

    A load that failed because the source changed meanwhile says so; one that succeeded proves nothing by itself.

    Raises:
        WorkerFailure: of the engine, or SourceChanged.
    """
    job = EngineJob(
        source=request.source,
        output=output,
        scratch=scratch / "load",
        settings=request.settings,
        file_pattern=request.file_pattern,
        max_file_size=request.max_file_size,
        saves=saves,
        generates=request.verification == "generate",
    )
    clock.start(Stage.LOADING)
    try:
        with reading_ahead(request.source):  # also while the fork server imports vLLM, for which a child waits
            loaded = Child(load_and_save, SourceResult, job).wait(lambda: _show_progress(job, clock))
    except WorkerFailure as failure:
        raise guard.failure_of_load(failure) from failure
    finally:
        stop_all()
        shutil.rmtree(job.scratch, ignore_errors=True)
    divide_load(clock, loaded.times)
    guard.check("while it was loaded")
    return loaded


def divide_load(clock: StageClock, times: LoadTimes) -> None:
    """Divide the stage of loading into the steps that the manifest and status.durationSeconds name."""
    *steps, last = LOAD_STEPS
    ends = dict(zip(steps, (times.imported, times.configured, times.started), strict=True))
    clock.divide(Stage.LOADING, ends, last)


def _show_progress(job: EngineJob, clock: StageClock) -> None:
    ranks = job.settings.world_size
    progress = read_rank_messages(job.rank_messages, RankProgress).values()
    if not progress:
        clock.show(ranks=ranks)
        return
    clock.start(Stage.SAVING)
    saved = len(read_rank_messages(job.rank_messages, RankSaved))
    done = sum(one.bytes_done for one in progress)
    total = sum(one.bytes_total for one in progress) if len(progress) == ranks else None
    clock.show(ranks_done=saved, ranks=ranks, bytes_done=done, bytes_total=total)

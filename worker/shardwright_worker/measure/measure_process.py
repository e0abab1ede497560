"""The engine processes that load the source, and the shards, as a server does, with a clock beside the stock loader."""

from typing import Any

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.begin import begin
from shardwright_worker.engine.engine_arguments import engine_arguments, weights_only
from shardwright_worker.engine.guarded_calls import GuardedCalls
from shardwright_worker.engine.messages import EngineJob, TimedLoad
from shardwright_worker.engine.rank_messages import RankTimed, read_rank_messages
from shardwright_worker.engine.serving_arguments import serving_engine_arguments
from shardwright_worker.engine.vllm_engine import Engine

_EXTENSION = "shardwright_worker.measure.load_timer.TimerExtension"


def load_timed(job: EngineJob, calls: GuardedCalls) -> TimedLoad:
    """Load the job's source with vLLM's loader for its format, or the shards with `sharded_state`; time each rank.

    Raises:
        WorkerFailure: with the reason of what vLLM or the system reports.
    """
    begin(job)
    unexpected = Reason.UNEXPECTED_ERROR
    arguments = calls.run(lambda: _arguments(job), unexpected)
    config = calls.run(arguments.create_engine_config, unexpected)
    with calls.watching_ranks():
        calls.run_ranks(lambda: Engine(arguments, config, False), unexpected)
    return TimedLoad(ranks=list(read_rank_messages(job.rank_messages, RankTimed).values()))


def _arguments(job: EngineJob) -> Any:
    settings = job.settings
    if job.source:
        load_format = settings.extra_args.get("load_format", "auto")
        return engine_arguments(job.source, settings, load_format, _EXTENSION, {})
    served = serving_engine_arguments(job.output, settings, job.file_pattern)
    return weights_only(served, job.output, settings.world_size, _EXTENSION)

"""The engine process that loads the source, and saves its shards if the job says so.

Whatever can be refused is refused before a device is touched.
"""

import time
from typing import Any

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.begin import begin
from shardwright_worker.engine.engine_arguments import engine_arguments
from shardwright_worker.engine.guarded_calls import GuardedCalls
from shardwright_worker.engine.messages import EngineJob, LoadTimes, SourceResult, TokenizerFacts
from shardwright_worker.engine.rank_messages import RankLoaded, RankReading, RankSaved, read_rank_messages
from shardwright_worker.engine.serving_arguments import serving_engine_arguments
from shardwright_worker.engine.tokenizer import has_tokenizer, processor_name, tokenizer_facts
from shardwright_worker.engine.vllm_engine import run_engine
from shardwright_worker.shard.engine_facts import engine_facts
from shardwright_worker.shard.engine_refusals import refuse_engine_config
from shardwright_worker.shard.score_head import refuse_score_head


def load_and_save(job: EngineJob, calls: GuardedCalls) -> SourceResult:
    """Configure the engine, load the source, and save its shards if the job says so.

    Raises:
        WorkerFailure: with the reason of what vLLM or the system reports.
    """
    imported = time.monotonic()
    invalid = Reason.INVALID_ENGINE_ARGUMENTS
    begin(job)
    calls.run(lambda: serving_engine_arguments(job.model, job.settings, job.file_pattern), invalid)
    arguments = calls.run(lambda: _arguments(job), invalid)
    config = calls.run(arguments.create_engine_config, invalid)
    refuse_engine_config(config, job)
    tokenizer = _tokenizer(job, config.model_config, calls)
    if tokenizer:
        calls.run(lambda: refuse_score_head(config.model_config, job.settings.tensor_parallel_size), invalid)
    facts = engine_facts(config)  # before a model is built, which renames what the configuration lists
    configured = time.monotonic()
    unexpected, unanswered = Reason.UNEXPECTED_ERROR, Reason.UNSUPPORTED_MODEL
    digests, answers = run_engine(job, arguments, config, calls, unexpected, unanswered)
    loaded = read_rank_messages(job.rank_messages, RankLoaded)
    return SourceResult(
        engine=facts,
        times=LoadTimes(imported=imported, configured=configured, started=_first_reading(job)),
        saved=read_rank_messages(job.rank_messages, RankSaved),
        loaded_digests={rank: message.digests for rank, message in loaded.items()},
        runtime_digests=digests,
        answers=answers,
        tokenizer=tokenizer,
    )


def _first_reading(job: EngineJob) -> float:
    return min(message.time for message in read_rank_messages(job.rank_messages, RankReading).values())


def _tokenizer(job: EngineJob, model_config: Any, calls: GuardedCalls) -> TokenizerFacts | None:
    """Return what the source's tokenizer and processor do. A tokenizer must load if it exists, for it is served.

    A processor that does not load is not compared: not every multimodal model can be used without further arguments.
    """
    if not has_tokenizer(job.model):
        return None
    facts = calls.run(lambda: tokenizer_facts(model_config), Reason.SOURCE_CORRUPT)
    try:
        return facts.model_copy(update={"processor": processor_name(model_config)})
    except Exception as error:
        print(f"the source's processor is not compared: {type(error).__name__}: {error}", flush=True)
        return facts


def _arguments(job: EngineJob) -> Any:
    import shardwright_worker.shard.saving_loader as loader

    source_format = job.settings.extra_args.get("load_format", "auto")
    return engine_arguments(
        job.model,
        job.settings,
        loader.LOAD_FORMAT,
        f"{loader.__name__}.{loader.LoaderExtension.__name__}",
        {"source_load_format": source_format} if source_format != "auto" else {},
    )

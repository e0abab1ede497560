"""The engine process that loads the shards like any server, with an observer beside the stock loader."""

from typing import Any

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.begin import begin
from shardwright_worker.engine.classify import classify
from shardwright_worker.engine.engine_arguments import weights_only
from shardwright_worker.engine.guarded_calls import GuardedCalls
from shardwright_worker.engine.io_errors import Folders
from shardwright_worker.engine.messages import EngineJob, EngineResult, TokenizerFacts
from shardwright_worker.engine.rank_messages import RankLoaded, read_rank_messages
from shardwright_worker.engine.serving_arguments import serving_engine_arguments
from shardwright_worker.engine.tokenizer import processor_name, tokenizer_facts
from shardwright_worker.engine.vllm_engine import run_engine
from shardwright_worker.verify.failed_proof import is_about_shards

_EXTENSION = "shardwright_worker.verify.load_observer.ObserverExtension"
_LONGEST = 2000  # characters of an error that are reported


def load_shards(job: EngineJob, calls: GuardedCalls) -> EngineResult:
    """Load the artifact in `job.output` with the stock loader and a server's arguments.

    Raises:
        WorkerFailure: VerificationFailed where an error is not known for another reason.
    """
    begin(job)
    failed = Reason.VERIFICATION_FAILED
    served = calls.run(lambda: serving_engine_arguments(job.output, job.settings, job.file_pattern), failed)
    arguments = weights_only(served, job.output, job.settings.world_size, _EXTENSION)
    config = calls.run(arguments.create_engine_config, failed)
    tokenizer, error = _tokenizer(config.model_config, job, calls.folders)
    digests, answers = run_engine(job, arguments, config, calls, failed, failed)
    loaded = read_rank_messages(job.rank_messages, RankLoaded)
    return EngineResult(
        loaded_digests={rank: message.digests for rank, message in loaded.items()},
        runtime_digests=digests,
        answers=answers,
        tokenizer=tokenizer,
        tokenizer_error=error,
    )


def _tokenizer(model_config: Any, job: EngineJob, folders: Folders) -> tuple[TokenizerFacts | None, str]:
    """Return what is known of the source's tokenizer, of the artifact's, and why that is not known.

    Raises:
        WorkerFailure: if the reason is not the artifact.
    """
    facts = None
    try:
        if job.compares_tokenizer:
            facts = tokenizer_facts(model_config)
        if facts and job.compares_processor:
            facts = facts.model_copy(update={"processor": processor_name(model_config)})
    except Exception as error:
        failure = classify(error, Reason.VERIFICATION_FAILED, folders)
        if not is_about_shards(failure):
            raise failure from error
        return facts, f"{type(error).__name__}: {error}"[:_LONGEST]
    return facts, ""

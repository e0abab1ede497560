"""Starts the ranks of vLLM, which load their weights, and asks them for digests and answers."""

from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.answers import PROMPTS, TOP, ask
from shardwright_worker.engine.guarded_calls import GuardedCalls
from shardwright_worker.engine.messages import Answers, EngineJob

RUNTIME_DIGEST = "shardwright_runtime_digest"  # method of the worker extension, called in each rank
_LENGTH = 1024  # tokens of a prompt and its answer, at most
_CACHE = 512 * 1024**2  # bytes of KV cache; with a fixed size vLLM does not fill the rest of the memory with it


def run_engine(
    job: EngineJob, arguments: Any, config: Any, calls: GuardedCalls, default: Reason, unanswered: Reason
) -> tuple[dict[int, str], Answers]:
    """Load the weights; return the runtime digest of each rank, and answers if the job asks for them.

    `arguments` and `config`: vLLM's EngineArgs and VllmConfig. `default`: the reason of errors that are not known;
    `unanswered`: the same, for a model that is loaded.

    Raises:
        WorkerFailure: of the rank that failed first, else of the engine.
    """
    with calls.watching_ranks():
        engine = calls.run_ranks(lambda: Engine(arguments, config, job.generates), default)
        digests = calls.run_ranks(engine.runtime_digests, default)
        answers = _answers(engine, calls, unanswered)
    return digests, answers


def _answers(engine: "Engine", calls: GuardedCalls, unanswered: Reason) -> Answers:
    try:
        return calls.run_ranks(engine.answers, unanswered)
    except WorkerFailure as failure:
        message = f"vLLM loaded the model and failed to answer with it: {failure.message}"
        raise WorkerFailure(failure.reason, message, rank=failure.rank, error_type=failure.error_type) from failure


class Engine:
    """Ranks that have loaded their weights; they end with this process."""

    def __init__(self, arguments: Any, config: Any, generates: bool) -> None:
        """Start the ranks. `generates`: a whole LLM that answers prompts, instead of vLLM's executor alone."""
        self._llm = _build_llm(arguments, config) if generates else None
        self._ranks = self._llm or _build_executor(config)

    def runtime_digests(self) -> dict[int, str]:
        """Return rank -> XXH3-128 of its weights as the engine runs them."""
        return dict(self._ranks.collective_rpc(RUNTIME_DIGEST))

    def answers(self) -> Answers:
        """Return what the model answers to a few prompts; nothing from ranks that only hold weights."""
        return ask(self._llm) if self._llm else Answers()


def _build_executor(config: Any) -> Any:
    """Return vLLM's executor, whose ranks load the model when it is built.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/v1/executor/abstract.py#L65
    """
    from vllm.v1.executor.abstract import Executor

    return Executor.get_class(config)(config)


def _build_llm(arguments: Any, config: Any) -> Any:
    from vllm import LLM

    arguments.max_model_len = min(_LENGTH, config.model_config.max_model_len)
    arguments.max_num_seqs = len(PROMPTS)
    # More than that, such as a default meant for longer models, and vLLM's warm-up reads past its block tables.
    arguments.max_num_batched_tokens = arguments.max_model_len * arguments.max_num_seqs
    arguments.kv_cache_memory_bytes = _CACHE
    arguments.enable_prefix_caching = False  # the second answer to a prompt must be computed as the first one was
    arguments.max_logprobs = max(TOP, getattr(arguments, "max_logprobs", 0))
    return LLM.from_engine_args(arguments)

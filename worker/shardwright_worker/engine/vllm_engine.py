"""From our settings to vLLM's configuration and to running ranks: no LLM, no KV cache, no compilation if not asked."""

import json
import os
from pathlib import Path
from typing import Any

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.engine.answers import PROMPTS, ask, chances
from shardwright_worker.engine.environment import bind_cpus
from shardwright_worker.engine.tokenizer import has_tokenizer

_WEIGHTS_ONLY = 0.01  # of the device's memory must be free: vLLM asks for a share of it, and no cache is made
_LENGTH = 1024  # of a prompt and its answer, at most
_CACHE = 512 * 1024**2  # bytes for keys and values; a fixed size spares a vLLM that measures and warms up


def engine_arguments(
    model: Path, settings: EngineSettings, load_format: str, extension: str, loader_config: dict[str, Any] | None = None
) -> Any:
    """vLLM's EngineArgs. `load_format` and `extension` decide who loads and who looks on."""
    from vllm.engine.arg_utils import EngineArgs

    extra = {name: _value(text) for name, text in settings.extra_args.items() if name != "load_format"}
    if settings.hf_overrides:
        extra["hf_overrides"] = json.loads(settings.hf_overrides)
    if settings.quantization:
        extra["quantization"] = settings.quantization
    arguments = EngineArgs(
        model=str(model),
        tensor_parallel_size=settings.tensor_parallel_size,
        pipeline_parallel_size=settings.pipeline_parallel_size,
        enable_expert_parallel=settings.enable_expert_parallel,
        dtype=settings.dtype,
        trust_remote_code=settings.trust_remote_code,
        load_format=load_format,
        model_loader_extra_config=loader_config or {},
        **extra,
    )
    return frugal(arguments, model, settings.world_size, extension)


def frugal(arguments: Any, model: Path, ranks: int, extension: str) -> Any:
    """The same arguments for ranks that only hold weights, with our extension in each."""
    bind_cpus(ranks)
    arguments.worker_extension_cls = extension
    arguments.distributed_executor_backend = "uni" if ranks == 1 else "mp"
    arguments.skip_tokenizer_init = not has_tokenizer(model)
    arguments.enforce_eager = True
    arguments.disable_log_stats = True
    arguments.gpu_memory_utilization = _WEIGHTS_ONLY
    return arguments


class Engine:
    """Running ranks that have loaded their weights; they end with this process."""

    def __init__(self, arguments: Any, config: Any, answers: bool) -> None:
        """Start the ranks. `answers`: a whole LLM that can be asked, instead of vLLM's executor alone."""
        _fork_ranks()
        self._llm = _build_llm(arguments, config) if answers else None
        self._ranks = self._llm or _build_executor(config)

    def digests(self) -> dict[str, str]:
        """Rank -> digest of its weights as the engine runs them."""
        return {str(rank): digest for rank, digest in self._ranks.collective_rpc("shardwright_digest")}

    def answers(self) -> dict[str, Any]:
        """What it answers to a few prompts; nothing from ranks that only hold weights."""
        return ask(self._llm) if self._llm else {}


def _fork_ranks() -> None:
    """vLLM's CPU build chooses spawn whenever it is configured, and every rank would import vLLM anew.

    No OpenMP was used before this fork.
    """
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        return
    configure = current_platform.check_and_update_config

    def configure_to_fork(config: Any) -> None:
        configure(config)
        os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"

    type(current_platform).check_and_update_config = staticmethod(configure_to_fork)
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"


def _build_executor(config: Any) -> Any:
    from vllm.v1.executor.abstract import Executor

    return Executor.get_class(config)(config)


def _build_llm(arguments: Any, config: Any) -> Any:
    from vllm import LLM

    arguments.max_model_len = min(_LENGTH, config.model_config.max_model_len)
    arguments.max_num_seqs = len(PROMPTS)
    # More than that, such as a default meant for longer models, and vLLM's warm-up reads past its block tables.
    arguments.max_num_batched_tokens = arguments.max_model_len * arguments.max_num_seqs
    arguments.kv_cache_memory_bytes, arguments.gpu_memory_utilization = _CACHE, 0.9
    arguments.enable_prefix_caching = False  # the second answer to a prompt must be computed as the first one was
    arguments.max_logprobs = max(chances(), getattr(arguments, "max_logprobs", 0))
    return LLM.from_engine_args(arguments)


def _value(text: str) -> Any:
    """An extra argument's value: JSON where it is JSON (true, 3, {...}), else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text

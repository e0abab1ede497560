"""From our settings to vLLM's configuration and to running ranks: no LLM, no KV cache, no compilation if not asked."""

import json
import os
from pathlib import Path
from typing import Any

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.shard.environment import bind_cpus

_WEIGHTS_ONLY = 0.01  # of the device's memory must be free: vLLM asks for a share of it, and no cache is made
_PROMPTS = ([1, 2, 3, 4, 5], [7, 11, 13, 17, 19, 23])
_TOKENS = 16
_LENGTH = 1024  # of a prompt and its answer, at most
_CACHE = 512 * 1024**2  # bytes for keys and values; a fixed size spares a vLLM that measures and warms up


def engine_arguments(
    model: Path, settings: EngineSettings, load_format: str, extension: str, loader_config: dict[str, Any] | None = None
) -> Any:
    """vLLM's EngineArgs. `load_format` and `extension` decide who loads and who looks on."""
    from vllm.engine.arg_utils import EngineArgs

    bind_cpus(settings.world_size)
    extra = {name: _value(text) for name, text in settings.extra_args.items() if name != "load_format"}
    if settings.hf_overrides:
        extra["hf_overrides"] = json.loads(settings.hf_overrides)
    if settings.quantization:
        extra["quantization"] = settings.quantization
    return EngineArgs(
        model=str(model),
        tensor_parallel_size=settings.tensor_parallel_size,
        pipeline_parallel_size=settings.pipeline_parallel_size,
        enable_expert_parallel=settings.enable_expert_parallel,
        dtype=settings.dtype,
        trust_remote_code=settings.trust_remote_code,
        load_format=load_format,
        model_loader_extra_config=loader_config or {},
        worker_extension_cls=extension,
        distributed_executor_backend="uni" if settings.world_size == 1 else "mp",
        skip_tokenizer_init=True,
        enforce_eager=True,
        disable_log_stats=True,
        gpu_memory_utilization=_WEIGHTS_ONLY,
        **extra,
    )


class Engine:
    """Running ranks that have loaded their weights; they end with this process."""

    def __init__(self, arguments: Any, config: Any, writes: bool) -> None:
        """Start the ranks. `writes`: a whole LLM that can write tokens, instead of vLLM's executor alone."""
        from vllm.platforms import current_platform

        if current_platform.is_cpu():
            # vLLM chooses spawn here, and every rank would import vLLM anew; no OpenMP was used before this fork.
            os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"
        self._writer = writes and config.model_config.runner_type == "generate"
        self._ranks = _build_llm(arguments, config) if self._writer else _build_executor(config)

    def digests(self) -> dict[str, str]:
        """Rank -> digest of its weights as the engine runs them."""
        return {str(rank): digest for rank, digest in self._ranks.collective_rpc("shardwright_digest")}

    def tokens(self) -> list[list[int]]:
        """Its greedy answers to a few prompts; nothing from a model that does not write."""
        if not self._writer:
            return []
        from vllm import SamplingParams

        sampling = SamplingParams(temperature=0.0, max_tokens=_TOKENS, ignore_eos=True, detokenize=False)
        prompts = [{"prompt_token_ids": prompt} for prompt in _PROMPTS]
        return [list(one.outputs[0].token_ids) for one in self._ranks.generate(prompts, sampling, use_tqdm=False)]


def _build_executor(config: Any) -> Any:
    from vllm.v1.executor.abstract import Executor

    return Executor.get_class(config)(config)


def _build_llm(arguments: Any, config: Any) -> Any:
    from vllm import LLM

    arguments.max_model_len = min(_LENGTH, config.model_config.max_model_len)
    arguments.max_num_seqs = len(_PROMPTS)
    # More than that, such as a default meant for longer models, and vLLM's warm-up reads past its block tables.
    arguments.max_num_batched_tokens = arguments.max_model_len * arguments.max_num_seqs
    arguments.kv_cache_memory_bytes, arguments.gpu_memory_utilization = _CACHE, 0.9
    return LLM.from_engine_args(arguments)


def _value(text: str) -> Any:
    """An extra argument's value: JSON where it is JSON (true, 3, {...}), else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text

"""From our settings to vLLM's configuration and executor: no LLM, no KV cache, no compilation."""

import json
import os
from pathlib import Path
from typing import Any

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.shard.environment import bind_cpus

_WEIGHTS_ONLY = 0.01  # of the device's memory must be free: vLLM asks for a share of it, and no cache is made


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


def build_executor(vllm_config: Any) -> Any:
    """Start the ranks and load the model; returns vLLM's executor."""
    from vllm.platforms import current_platform
    from vllm.v1.executor.abstract import Executor

    if current_platform.is_cpu():
        # vLLM chooses spawn here, and every rank would import vLLM anew; no OpenMP was used before this fork.
        os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"
    return Executor.get_class(vllm_config)(vllm_config)


def _value(text: str) -> Any:
    """An extra argument's value: JSON where it is JSON (true, 3, {...}), else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text

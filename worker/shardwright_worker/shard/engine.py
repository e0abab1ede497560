"""From our settings to vLLM's configuration and executor: no LLM, no KV cache, no compilation."""

import json
import os
from pathlib import Path
from typing import Any

from shardwright_worker.contract.engine import EngineSettings


def prepare_environment(world_size: int) -> None:
    """Settings that vLLM reads from the environment. Must run before vLLM is imported; what is set already stays."""
    defaults = {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": _cpu_binding(world_size),
        "TOKENIZERS_PARALLELISM": "false",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def _cpu_binding(world_size: int) -> str:
    """CPUs by rank for vLLM's CPU build: an equal share of those we may use, shared where there are too few."""
    allowed = sorted(os.sched_getaffinity(0))
    share = max(1, len(allowed) // world_size)
    sets = [allowed[(rank * share) % len(allowed) :][:share] for rank in range(world_size)]
    return "|".join(",".join(str(cpu) for cpu in one) for one in sets)


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
        **extra,
    )


def build_executor(vllm_config: Any) -> Any:
    """Start the ranks and load the model; returns vLLM's executor."""
    from vllm.v1.executor.abstract import Executor

    return Executor.get_class(vllm_config)(vllm_config)


def _value(text: str) -> Any:
    """An extra argument's value: JSON where it is JSON (true, 3, {...}), else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text

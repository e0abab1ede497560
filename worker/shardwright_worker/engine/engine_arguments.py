"""vLLM's arguments for ranks that only load weights: no tokenizer, no KV cache, no compilation."""

import json
from pathlib import Path
from typing import Any

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.engine.environment import bind_cpus
from shardwright_worker.engine.tokenizer import has_tokenizer

_WEIGHTS_ONLY = 0.01  # share of the device's memory that vLLM requires to be free, though no cache is allocated


def engine_arguments(
    model: Path, settings: EngineSettings, load_format: str, extension: str, loader_config: dict[str, Any]
) -> Any:
    """Return vLLM's EngineArgs for loading `model` with the loader of a format; `extension`: see `weights_only`.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/engine/arg_utils.py
    """
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
        model_loader_extra_config=loader_config,
        **extra,
    )
    return weights_only(arguments, model, settings.world_size, extension)


def weights_only(arguments: Any, model: Path, ranks: int, extension: str) -> Any:
    """Return the same arguments for ranks that only hold weights.

    `extension` is the qualified name of a class that vLLM imports in each rank and mixes into its worker:
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/v1/worker/worker_base.py#L296-L322
    """
    bind_cpus(ranks)
    arguments.worker_extension_cls = extension
    arguments.distributed_executor_backend = "uni" if ranks == 1 else "mp"
    arguments.skip_tokenizer_init = not has_tokenizer(model)
    arguments.enforce_eager = True
    arguments.disable_log_stats = True
    arguments.gpu_memory_utilization = _WEIGHTS_ONLY
    return arguments


def _value(text: str) -> Any:
    """Return an extra argument's value: as JSON where it is JSON (true, 3, {...}), else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text

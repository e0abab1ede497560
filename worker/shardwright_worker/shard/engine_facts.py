"""What a manifest records about the engine, read from vLLM's configuration."""

from typing import Any

from shardwright_worker.contract.vllm_support.installed import installed_vllm
from shardwright_worker.engine.messages import EngineFacts


def engine_facts(config: Any) -> EngineFacts:
    """Return versions, device and kernels of the engine that a VllmConfig describes."""
    import safetensors
    import torch
    import transformers
    from vllm.platforms import current_platform

    device = current_platform.get_device_name() if current_platform.is_cuda_alike() else current_platform.device_type
    kernels = getattr(config, "kernel_config", None)
    return EngineFacts(
        vllm_version=installed_vllm(),
        torch_version=torch.__version__,
        transformers_version=transformers.__version__,
        safetensors_version=safetensors.__version__,
        accelerator=str(device),
        dtype=str(config.model_config.dtype).removeprefix("torch."),
        quantization=config.model_config.quantization or "",
        moe_backend=str(getattr(kernels, "moe_backend", "") or ""),
        linear_backend=str(getattr(kernels, "linear_backend", "") or ""),
        quantization_lists=inferred_lists(config.quant_config),
    )


def inferred_lists(quant_config: Any) -> dict[str, list[str]]:
    """Return the lists of modules that vLLM inferred from the source's safetensors headers.

    It could not infer them from shards, where the names are fused:
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/layers/quantization/auto_gptq.py#L273
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/layers/quantization/auto_awq.py#L370
    """
    found = {}
    for name in ("modules_in_block_to_quantize", "modules_to_not_convert"):
        value = getattr(quant_config, name, None)
        if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
            found[name] = value
    return found

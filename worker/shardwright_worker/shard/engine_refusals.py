"""Refuses what vLLM can configure, but shards cannot hold, or a proof cannot cover as it was requested."""

from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.installed import installed_vllm
from shardwright_worker.contract.vllm_support.quantization import unsavable
from shardwright_worker.engine.compat import quantizes_online, refuse_file_pattern
from shardwright_worker.engine.messages import EngineJob
from shardwright_worker.engine.tokenizer import has_tokenizer


def refuse_engine_config(config: Any, job: EngineJob) -> None:
    """Refuse a VllmConfig whose weights cannot become shards, or cannot be verified as the job says.

    Raises:
        WorkerFailure: InvalidEngineArguments, UnsupportedModel, UnsupportedQuantization, or SourceIncomplete.
    """
    parallel = config.parallel_config
    if parallel.data_parallel_size > 1 or getattr(parallel, "prefill_context_parallel_size", 1) > 1:
        message = "data and prefill-context parallel sizes must be 1: parts of different ranks would share a name"
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, message)
    if job.generates:
        _refuse_generating(config, job)
    refuse_file_pattern(job.file_pattern, parallel.pipeline_parallel_size, installed_vllm())
    if config.lora_config or config.speculative_config:
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, "LoRA and speculative models cannot be saved as shards")
    _refuse_quantization(config)


def refuse_online_quantization(model: Any) -> None:
    """Refuse layers that quantize while they load: they have no weights before, so there is no state for shards.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/layers/quantization/base_config.py#L29

    Raises:
        WorkerFailure: UnsupportedQuantization.
    """
    for name, module in model.named_modules():
        if getattr(getattr(module, "quant_method", None), "uses_meta_device", False):
            message = f"{name} would be quantized while it loads, which shards cannot hold: quantize the model first"
            raise WorkerFailure(Reason.UNSUPPORTED_QUANTIZATION, message)


def _refuse_generating(config: Any, job: EngineJob) -> None:
    from vllm.platforms import current_platform

    if current_platform.is_cpu() and config.parallel_config.pipeline_parallel_size > 1:
        message = "vLLM's CPU build cannot generate over pipeline stages: choose verification load"
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, message)
    if config.model_config.is_encoder_decoder:
        message = "a model with an encoder answers to images or sound, and not to text: choose verification load"
        raise WorkerFailure(Reason.UNSUPPORTED_MODEL, message)
    if config.model_config.runner_type != "generate" and not has_tokenizer(job.model):
        message = "the source has no tokenizer, which vLLM needs to ask a pooling model: choose verification load"
        raise WorkerFailure(Reason.SOURCE_INCOMPLETE, message)


def _refuse_quantization(config: Any) -> None:
    method = config.model_config.quantization or ""
    if quantizes_online(config.quant_config):
        message = f"quantization {method} is done while loading, which shards cannot hold"
        raise WorkerFailure(Reason.UNSUPPORTED_QUANTIZATION, f"{message}: use a checkpoint that is quantized already")
    if message := unsavable(method):
        raise WorkerFailure(Reason.UNSUPPORTED_QUANTIZATION, message)

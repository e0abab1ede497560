"""Code paths that differ between the supported releases of vLLM.

Names that differ are in the tables of contract.vllm_support, and the releases in its releases.SUPPORTED.
"""

from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.part_names import STAGES_SINCE
from shardwright_worker.contract.vllm_support.releases import is_older


def refuse_file_pattern(pattern: str, stages: int, version: str) -> None:
    """Refuse names of parts that this release of vLLM cannot load. `stages`: pipeline parallel size.

    Raises:
        WorkerFailure: InvalidEngineArguments.
    """
    if not is_older(version, STAGES_SINCE):
        return
    since = f"vLLM {version} cannot load: that needs {STAGES_SINCE} or newer"
    if stages > 1:
        message = f"pipelineParallelSize {stages} makes shards that {since}"
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, message)
    if "{tp_rank" in pattern or "{pp_rank" in pattern:
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"file pattern {pattern!r} has fields that {since}")


def tie_again(model: Any, model_config: Any) -> bool:
    """Tie output head and embeddings again where they are equal; return whether they differ although the config ties.

    Since 0.31 vLLM unties such a model for ordinary checkpoints, but not for sharded ones:
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/config/model.py#L1242
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/weight_tying.py#L73
    """
    if not getattr(model_config, "word_embeddings_untied_by_checkpoint", False):
        return False
    from vllm.model_executor.model_loader import weight_tying

    weight_tying.maybe_retie_word_embeddings(model, model_config)
    return _has_own_head(model)


def _has_own_head(model: Any) -> bool:
    from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding

    layers = [module for module in model.modules() if isinstance(module, VocabParallelEmbedding)]
    heads = {_address(layer) for layer in layers if isinstance(layer, ParallelLMHead)}
    return bool(heads - {_address(layer) for layer in layers if not isinstance(layer, ParallelLMHead)})


def _address(layer: Any) -> int:
    weight = getattr(layer, "weight", None)
    return id(layer) if weight is None else int(weight.data_ptr())


def quantizes_online(quant_config: Any) -> bool:
    """Return whether weights would be quantized while they load; older releases let Fp8Config do that.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/layers/quantization/online/base.py#L151
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/layers/quantization/fp8.py#L97
    """
    configs = (quant_config, getattr(quant_config, "online_quantization_config", None))
    online = any(type(one).__name__ == "OnlineQuantizationConfig" for one in configs)
    return online or getattr(quant_config, "is_checkpoint_fp8_serialized", True) is False


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


def load_tokenizer(model_config: Any) -> Any:
    """Return the tokenizer as a server loads it.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/tokenizers/registry.py#L285
    """
    try:
        from vllm.tokenizers import cached_tokenizer_from_config
    except ImportError:  # older releases
        from vllm.transformers_utils.tokenizer import init_tokenizer_from_configs

        return init_tokenizer_from_configs(model_config)
    return cached_tokenizer_from_config(model_config)

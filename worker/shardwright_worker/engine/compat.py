"""Code paths that differ between the supported releases of vLLM.

Names that differ are in the tables of contract.vllm_support, and the releases in its releases.SUPPORTED.
"""

from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.part_names import STAGES_SINCE
from shardwright_worker.contract.vllm_support.releases import SUPPORTED, is_older, release_of


def refuse_release(version: str) -> None:
    """Refuse a release of vLLM for which no code path was written; a version that names none, such as a fork's, passes.

    Raises:
        WorkerFailure: UnsupportedEngine.
    """
    release = release_of(version)
    if not release or release in SUPPORTED:
        return
    message = f"vLLM {version} is installed, and this worker supports {SUPPORTED[0]} to {SUPPORTED[-1]}"
    remedy = "" if is_older(version, SUPPORTED[0]) else " or a newer worker"
    raise WorkerFailure(Reason.UNSUPPORTED_ENGINE, f"{message}: use an engine image with one of these{remedy}")


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

    Since 0.29 vLLM unties a model whose ordinary checkpoint has a head, but not one of shards; older releases leave the
    head of the checkpoint out:
    https://github.com/vllm-project/vllm/blob/v0.29.0/vllm/config/vllm.py#L1193-L1198
    https://github.com/vllm-project/vllm/blob/v0.29.0/vllm/model_executor/model_loader/weight_tying.py#L73
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
    """Return whether weights would be quantized while they load.

    Until 0.30 Fp8Config does that, too, and since 0.30 a configuration of the checkpoint may hold one of its own:
    https://github.com/vllm-project/vllm/blob/v0.30.0/vllm/model_executor/layers/quantization/fp8.py#L101
    https://github.com/vllm-project/vllm/blob/v0.30.0/vllm/model_executor/layers/quantization/base_config.py#L114
    https://github.com/vllm-project/vllm/blob/v0.31.0/vllm/model_executor/layers/quantization/fp8.py#L106
    """
    configs = (quant_config, getattr(quant_config, "online_quantization_config", None))
    online = any(type(one).__name__ == "OnlineQuantizationConfig" for one in configs)
    return online or getattr(quant_config, "is_checkpoint_fp8_serialized", True) is False

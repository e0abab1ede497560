"""vLLM's quantization methods, and what each means for shards.

Method names: https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/model_executor/layers/quantization/__init__.py#L12
and https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/layers/quantization/__init__.py#L15
Methods that quantize while loading:
https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/config/quantization.py#L115
and https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/config/quantization.py#L192
vLLM reads a method in any case: https://github.com/vllm-project/vllm/blob/v0.33.0/vllm/config/model.py#L1054
"""

from enum import StrEnum
from typing import NamedTuple

from shardwright_worker.contract.vllm_support.releases import NONE, SUPPORTED, before


class Kind(StrEnum):
    """What a method means for shards."""

    # The checkpoint is quantized, and its shards hold what is loaded.
    SAVABLE = "savable"
    # Its weights cannot be saved, whether a checkpoint or a setting names it.
    UNSAVABLE = "unsavable"
    # As a setting it asks for weights to be quantized while they are loaded. A checkpoint may name it (mxfp8).
    ONLINE = "online"
    # As a setting it does so if the checkpoint is not quantized.
    ONLINE_IF_UNQUANTIZED = "online if unquantized"


class Method(NamedTuple):
    """A quantization method: what it means, why it cannot be saved, and the supported releases that have it.

    Without `releases` every supported release has it: a method that a new release brings needs `since` that release.
    """

    kind: Kind
    why: str = ""
    releases: tuple[str, ...] = SUPPORTED


_DEPRECATED = "vLLM rejects it as deprecated"
METHODS: dict[str, Method] = {
    **dict.fromkeys(
        (
            "awq", "auto_awq", "awq_marlin", "gptq", "auto_gptq", "gptq_marlin", "moe_wna16", "humming",
            "compressed-tensors", "quark", "modelopt", "modelopt_fp4", "modelopt_mxfp8", "modelopt_mixed",
            "gpt_oss_mxfp4", "deepseek_v4_fp8",
        ),
        Method(Kind.SAVABLE),
    ),
    "bitsandbytes": Method(Kind.UNSAVABLE, "it packs weights while they are loaded", before("0.28")),
    "gguf": Method(Kind.UNSAVABLE, "it has a file format of its own; use the model's safetensors files", NONE),
    "torchao": Method(Kind.UNSAVABLE, "its weights are objects that no safetensors file can hold"),
    "experts_int8": Method(Kind.UNSAVABLE, "it quantizes experts while they are loaded"),
    "fbgemm_fp8": Method(Kind.UNSAVABLE, _DEPRECATED),
    "fp_quant": Method(Kind.UNSAVABLE, _DEPRECATED),
    "deepspeedfp": Method(Kind.UNSAVABLE, "vLLM no longer has it", NONE),
    **dict.fromkeys(
        (
            "online", "fp8_per_tensor", "fp8_per_block", "fp8_per_channel", "int8_per_channel_weight_only",
            "nvfp4_per_token", "mxfp8",
        ),
        Method(Kind.ONLINE),
    ),
    # mxfp4 quantizes a plain checkpoint since 0.28; before, vLLM finds no configuration of it.
    **dict.fromkeys(("fp8", "inc", "mxfp4"), Method(Kind.ONLINE_IF_UNQUANTIZED)),
    **dict.fromkeys(("rtn", "tpu_int8", "ptpc_fp8"), Method(Kind.ONLINE_IF_UNQUANTIZED, releases=NONE)),
}  # fmt: skip

UNSAVABLE = {name: method.why for name, method in METHODS.items() if method.kind is Kind.UNSAVABLE}
ONLINE = tuple(name for name, method in METHODS.items() if method.kind is Kind.ONLINE)
ONLINE_IF_UNQUANTIZED = tuple(name for name, method in METHODS.items() if method.kind is Kind.ONLINE_IF_UNQUANTIZED)


def unsavable(method: str, subject: str = "quantization") -> str:
    """Return the message that a method, in any case, cannot be saved, and why; empty if it can be."""
    why = UNSAVABLE.get(method.lower())
    return f"{subject} {method} cannot be saved as shards: {why}" if why else ""

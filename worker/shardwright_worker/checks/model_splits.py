"""Checks that tensor parallelism can split a model's matrices: sizes, vocabulary, quantization blocks and groups.

Only what all supported releases of vLLM reject, or would load wrongly, is refused; what is not certain passes.
"""

from collections.abc import Mapping
from typing import Any

from shardwright_worker.checks.expert_splits import WIDE_EXPERTS, check_experts
from shardwright_worker.checks.model_numbers import (
    EXPERTS,
    HEADS,
    KEY_VALUE_HEADS,
    check_divided,
    invalid,
    number,
    possible,
    possible_blocks,
)
from shardwright_worker.checks.weight_groups import blocks_of, group_of, ignored
from shardwright_worker.contract.engine_settings import EngineSettings

# Families whose layers vLLM builds of the plain attention and the plain gated projection, all split.
_PLAIN = {
    "llama", "mistral", "ministral", "qwen2", "qwen3", "qwen2_vl_text", "qwen2_5_vl_text",
    "qwen3_vl_text", "gemma", "gemma2", "gemma3_text", "phi3", "granite", "olmo2", "olmo3", "internlm3", "exaone4",
    "smollm3", "seed_oss",
}  # fmt: skip
_SPLIT_VOCABULARY = _PLAIN | WIDE_EXPERTS | {"qwen2_moe", "qwen3_moe", "qwen3_vl_moe_text"}
_OWN_WIDTH = {"gemma", "gemma2", "gemma3_text", "qwen3", "qwen3_vl_text", "seed_oss"}
# A family for which vLLM does not repeat heads of keys on ranks that would have none:
# https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/models/gpt_oss.py#L157
_NO_REPEATED_HEADS = "gpt_oss"
_VOCABULARY_PADDING = 64
_MLP, _ATTENTION = (
    ("mlp", "gate_proj", "up_proj", "down_proj", "gate_up"),
    ("attn", "q_proj", "k_proj", "v_proj", "o_proj", "qkv"),
)


def check_splits(text: Mapping[str, Any], quantization: Mapping[str, Any], engine: EngineSettings) -> None:
    """Check that every matrix of the model can be split over the ranks as it is stored.

    Raises:
        WorkerFailure: InvalidEngineArguments if one cannot.
    """
    if engine.extra_args.get("model_impl") == "transformers" or engine.tensor_parallel_size == 1:
        return
    if text.get("model_type") in _SPLIT_VOCABULARY:
        _check_vocabulary(text, engine.tensor_parallel_size)
    if text.get("model_type") == _NO_REPEATED_HEADS:
        check_divided("num_key_value_heads", number(text, KEY_VALUE_HEADS), engine.tensor_parallel_size)
    if number(text, EXPERTS):
        if not engine.enable_expert_parallel:
            check_experts(text, quantization, engine)
        return
    if text.get("model_type") not in _PLAIN or text.get("kv_lora_rank") is not None:
        return
    check_divided("intermediate_size", number(text, ("intermediate_size",)), engine.tensor_parallel_size)
    blocks = blocks_of(quantization)
    left_out = _left_out(quantization)
    if not any(word in name for name in left_out for word in _MLP):
        _check_rows("intermediate_size", number(text, ("intermediate_size",)), blocks, quantization, engine)
    if not any(word in name for name in left_out for word in _ATTENTION):
        _check_attention(text, blocks, quantization, engine)


def _check_vocabulary(text: Mapping[str, Any], size: int) -> None:
    words = number(text, ("vocab_size",))
    padded = -(-words // _VOCABULARY_PADDING) * _VOCABULARY_PADDING if words else 0
    if padded % size:
        raise invalid(
            f"the vocabulary of {words} entries, {padded} with padding, is not divisible by {size}, the tensor "
            f"parallel size; possible values are {possible(padded, 64)}"
        )


def _check_attention(
    text: Mapping[str, Any], blocks: tuple[int, int] | None, quantization: Mapping[str, Any], engine: EngineSettings
) -> None:
    heads, hidden = number(text, HEADS), number(text, ("hidden_size",))
    if heads is None or hidden is None:
        return
    width = number(text, ("head_dim",))
    if width is None and text.get("model_type") in _OWN_WIDTH:
        return  # what transformers takes then is not hidden_size / heads
    width = width or hidden // heads
    _check_rows("num_attention_heads times head_dim", heads * width, blocks, quantization, engine)
    shared = number(text, KEY_VALUE_HEADS) or heads
    if blocks is None:
        return
    size = engine.tensor_parallel_size
    for name, count in (("attention heads", heads), ("key and value heads", shared)):
        parts = min(size, count)
        scales, each = -(-count * width // blocks[0]), -(-(count // parts) * width // blocks[0])
        if parts * each > scales:
            raise invalid(
                f"start ({scales}) + length ({each}) exceeds dimension size ({scales}): with tensor parallel size "
                f"{size} the {count} {name} of {width} are split within the quantization's blocks of {blocks[0]}; "
                f"possible values are {possible_blocks(count * width, blocks[0], heads)}"
            )


def _check_rows(
    name: str, rows: int | None, blocks: tuple[int, int] | None, quantization: Mapping[str, Any], engine: EngineSettings
) -> None:
    """Check that every rank gets whole blocks or groups of a matrix that is split along its input."""
    size = engine.tensor_parallel_size
    if rows is None or rows % size:
        return
    each = rows // size
    if blocks and each % blocks[1]:
        raise invalid(
            f"Weight input_size_per_partition = {each} is not divisible by weight quantization block_k = {blocks[1]}: "
            f"{name} is {rows} and the tensor parallel size {size}; possible values are "
            f"{possible_blocks(rows, blocks[1], rows // blocks[1])}"
        )
    group = group_of(quantization)
    if group and each % group and not rows % group:
        raise invalid(
            f"Weight input_size_per_partition={each} is not divisible by group_size={group}: {name} is {rows} and the "
            f"tensor parallel size {size}; possible values are {possible_blocks(rows, group, rows // group)}"
        )


def _left_out(quantization: Mapping[str, Any]) -> list[str]:
    """Return the names of modules that are not quantized; a pattern may mean any."""
    names = ignored(quantization)
    return [f"{name} {' '.join(_MLP + _ATTENTION)}" if name.startswith("re:") else name for name in names]

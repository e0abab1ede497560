"""Whether tensor parallelism can split a model's matrices: sizes, vocabulary, quantization blocks and groups.

Only what vLLM 0.26 to 0.33 all refuse, or would load wrongly, is refused; what is not known for sure passes.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.prepare.model_numbers import EXPERTS, HEADS, KEY_VALUE_HEADS, invalid, number, possible

# Families whose layers vLLM builds of the plain attention and the plain gated projection, all split.
_PLAIN = {
    "llama", "mistral", "ministral", "qwen2", "qwen3", "qwen2_vl_text", "qwen2_5_vl_text",
    "qwen3_vl_text", "gemma", "gemma2", "gemma3_text", "phi3", "granite", "olmo2", "olmo3", "internlm3", "exaone4",
    "smollm3", "seed_oss",
}  # fmt: skip
_OWN_WIDTH = {"gemma", "gemma2", "gemma3_text", "qwen3", "qwen3_vl_text", "seed_oss"}
_VOCABULARY_PADDING = 64
_FINEST_BLOCK = 32  # vLLM refines the blocks of experts down to this
_MLP, _ATTENTION = (
    ("mlp", "gate_proj", "up_proj", "down_proj", "gate_up"),
    ("attn", "q_proj", "k_proj", "v_proj", "o_proj", "qkv"),
)


def check_splits(text: Mapping[str, Any], quantization: Mapping[str, Any], engine: EngineSettings) -> None:
    """InvalidEngineArguments if a matrix of the model cannot be split over the ranks as it is stored."""
    if engine.extra_args.get("model_impl") == "transformers" or engine.tensor_parallel_size == 1:
        return
    blocks = _blocks(quantization)
    if number(text, EXPERTS):
        if not engine.enable_expert_parallel:
            _check_experts(text, engine.tensor_parallel_size, blocks, engine)
        return
    if text.get("model_type") not in _PLAIN or text.get("kv_lora_rank") is not None:
        return
    _check_plain(text, engine.tensor_parallel_size)
    left_out = _left_out(quantization)
    if not any(word in name for name in left_out for word in _MLP):
        _check_rows("intermediate_size", number(text, ("intermediate_size",)), blocks, quantization, engine)
    if not any(word in name for name in left_out for word in _ATTENTION):
        _check_attention(text, blocks, quantization, engine)


def _check_plain(text: Mapping[str, Any], size: int) -> None:
    inner = number(text, ("intermediate_size",))
    if inner and inner % size:
        raise invalid(
            f"intermediate_size {inner} is not divisible by {size}, the tensor parallel size; possible are "
            f"{possible(inner)}"
        )
    words = number(text, ("vocab_size",))
    padded = -(-words // _VOCABULARY_PADDING) * _VOCABULARY_PADDING if words else 0
    if padded % size:
        raise invalid(
            f"the vocabulary of {words} entries, {padded} with padding, is not divisible by {size}, the tensor "
            f"parallel size; possible are {possible(padded, 64)}"
        )


def _check_experts(text: Mapping[str, Any], size: int, blocks: tuple[int, int] | None, engine: EngineSettings) -> None:
    inner = number(text, ("moe_intermediate_size",))
    if inner is None:
        return
    if inner % size:
        raise invalid(
            f"moe_intermediate_size {inner} is not divisible by {size}, the tensor parallel size; possible are "
            f"{possible(inner)}, or any with expert parallelism"
        )
    each = inner // size
    if blocks is None or "moe_backend" in engine.extra_args or not (each % blocks[0] or each % blocks[1]):
        return
    refined = all(not value % _FINEST_BLOCK for value in (each, *blocks, number(text, ("hidden_size",)) or 0))
    if not refined:
        raise invalid(
            f"The output_size of gate's and up's weight = {each} is not divisible by weight quantization block_n = "
            f"{blocks[0]}: with tensor parallel size {size} the experts' moe_intermediate_size {inner} is split within "
            "a block; lower the size, or set enableExpertParallel"
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
                f"possible are {_possible_blocks(count * width, blocks[0], heads)}"
            )


def _check_rows(
    name: str, rows: int | None, blocks: tuple[int, int] | None, quantization: Mapping[str, Any], engine: EngineSettings
) -> None:
    """Of a matrix that is split along its input, every rank must get whole blocks or groups."""
    size = engine.tensor_parallel_size
    if rows is None or rows % size:
        return
    each = rows // size
    if blocks and each % blocks[1]:
        raise invalid(
            f"Weight input_size_per_partition = {each} is not divisible by weight quantization block_k = {blocks[1]}: "
            f"{name} is {rows} and the tensor parallel size {size}; possible are "
            f"{_possible_blocks(rows, blocks[1], rows // blocks[1])}"
        )
    group = _group(quantization)
    if group and each % group and not rows % group:
        raise invalid(
            f"Weight input_size_per_partition={each} is not divisible by group_size={group}: {name} is {rows} and the "
            f"tensor parallel size {size}; possible are {_possible_blocks(rows, group, rows // group)}"
        )


def _possible_blocks(whole: int, block: int, most: int) -> str:
    sizes = [size for size in range(1, min(most, 4096) + 1) if whole % size == 0 and (whole // size) % block == 0]
    return ", ".join(str(size) for size in sizes[:20]) or "1"


def _blocks(quantization: Mapping[str, Any]) -> tuple[int, int] | None:
    """Rows and columns of the blocks that share a scale, if the weights are FP8 in blocks."""
    found = quantization.get("weight_block_size") if quantization.get("quant_method") == "fp8" else None
    for group in _groups(quantization):
        if group.get("strategy") == "block" and group.get("type") == "float":
            found = group.get("block_structure")
    if (
        not isinstance(found, list)
        or len(found) != 2
        or not all(type(each) is int and 0 < each <= 4096 for each in found)
    ):
        return None
    return found[0], found[1]


def _group(quantization: Mapping[str, Any]) -> int | None:
    """The number of inputs that share a scale, where every rank has its own scales."""
    method = quantization.get("quant_method")
    found: object = None
    some_only = quantization.get("dynamic") or quantization.get("modules_in_block_to_quantize")
    if method == "gptq" and not quantization.get("desc_act") and not some_only:
        found = quantization.get("group_size")
    elif method == "awq":
        found = quantization.get("group_size", quantization.get("q_group_size"))
    else:
        for group in _groups(quantization):
            if group.get("strategy") == "group" and group.get("type") == "int" and not group.get("actorder"):
                found = group.get("group_size")
    return found if type(found) is int and 0 < found <= 4096 else None


def _groups(quantization: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """What compressed-tensors says of the weights, if it says the same of all linear layers."""
    groups = quantization.get("config_groups")
    if quantization.get("quant_method") != "compressed-tensors" or not isinstance(groups, Mapping) or len(groups) != 1:
        return
    for group in groups.values():
        if (
            isinstance(group, Mapping)
            and group.get("targets") == ["Linear"]
            and isinstance(group.get("weights"), Mapping)
        ):
            yield group["weights"]


def _left_out(quantization: Mapping[str, Any]) -> list[str]:
    """Names of modules that are not quantized; one that is a pattern may mean any."""
    names: list[str] = []
    for key in ("modules_to_not_convert", "ignored_layers", "ignore"):
        value = quantization.get(key)
        names += [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
    return [f"{name} {' '.join(_MLP + _ATTENTION)}" if name.startswith("re:") else name for name in names]

"""Checks that tensor parallelism can split a model's experts: by their width, and by what shares a scale in them."""

from collections.abc import Mapping
from typing import Any

from shardwright_worker.checks.model_numbers import check_divided, invalid, number, possible_blocks
from shardwright_worker.checks.weight_groups import blocks_of, compressed_group, ignored
from shardwright_worker.contract.engine_settings import EngineSettings

# Families whose experts are `intermediate_size` wide; the others' have a `moe_intermediate_size`.
WIDE_EXPERTS = {
    "mixtral", "phimoe", "olmoe", "granitemoe", "granitemoeshared", "granitemoehybrid", "jamba", "llama4_text",
    "minimax_m2",
}  # fmt: skip
_NO_EXPERTS = ("lm_head", "gate", "router", "attn", "shared_expert", "vision", "visual", "projector", "embed", "norm")
_FINEST_BLOCK = 32  # vLLM refines the blocks of experts down to this


def check_experts(text: Mapping[str, Any], quantization: Mapping[str, Any], engine: EngineSettings) -> None:
    """Check that the experts, of which each rank holds a slice without expert parallelism, can be split.

    Raises:
        WorkerFailure: InvalidEngineArguments if they cannot.
    """
    name = "intermediate_size" if text.get("model_type") in WIDE_EXPERTS else "moe_intermediate_size"
    inner = number(text, (name,))
    if inner is None:
        return
    check_divided(name, inner, engine.tensor_parallel_size, ", or any with expert parallelism")
    if any(_may_mean_experts(each) for each in ignored(quantization)):
        return
    _check_expert_blocks(name, inner, number(text, ("hidden_size",)) or 0, blocks_of(quantization), engine)
    _check_expert_groups(name, inner, compressed_group(quantization), engine.tensor_parallel_size)


def _check_expert_blocks(
    name: str, inner: int, hidden: int, blocks: tuple[int, int] | None, engine: EngineSettings
) -> None:
    size = engine.tensor_parallel_size
    each = inner // size
    if blocks is None or "moe_backend" in engine.extra_args or not (each % blocks[0] or each % blocks[1]):
        return
    if any(value % _FINEST_BLOCK for value in (each, *blocks, hidden)):
        raise invalid(
            f"The output_size of gate's and up's weight = {each} is not divisible by weight quantization block_n = "
            f"{blocks[0]}: with tensor parallel size {size} the experts' {name} {inner} is split within a block; "
            "lower the size, or set enableExpertParallel"
        )


def _check_expert_groups(name: str, inner: int, group: int | None, size: int) -> None:
    """Check the groups of compressed-tensors; vLLM makes those of GPTQ and AWQ smaller until they fit."""
    each = inner // size
    if group and each % group and not inner % group:
        raise invalid(
            "CompressedTensors WNA16 MoE with static group scales requires the MoE intermediate size per "
            f"tensor-parallel partition ({each}) to be divisible by group_size ({group}): {name} is {inner} and the "
            f"tensor parallel size {size}; possible values are {possible_blocks(inner, group, inner // group)}, or "
            "any with expert parallelism"
        )


def _may_mean_experts(name: str) -> bool:
    """Return whether a name or pattern of modules may mean experts."""
    if "expert" in name.replace("shared_expert", "") or name.endswith(("mlp", "moe", "feed_forward")):
        return True
    plain = "|" not in name and "(?" not in name and any(word in name for word in _NO_EXPERTS)
    return name.startswith("re:") and not plain

"""Numbers of a model's configuration, and the parallel sizes that divide them."""

from collections.abc import Mapping
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason

# Names of one number in the model families. vLLM resolves them through the model's own class:
# https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/transformers_utils/model_arch_config_convertor.py
HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
KEY_VALUE_HEADS = (
    "n_head_kv",
    "n_kv_heads",
    "num_kv_heads",
    "num_key_value_heads",
    "multi_query_group_num",
    "num_attention_groups",
)
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
EXPERTS = ("num_experts", "moe_num_experts", "n_routed_experts", "num_local_experts", "num_routed_experts")
_LARGEST = 10**9  # no model has more of anything that is counted here
_LARGEST_SIZE, _NAMED = 4096, 20


def number(config: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    """Return the first of these that is a positive number; a list, one number per layer, is skipped.

    Raises:
        WorkerFailure: SourceCorrupt if the number is larger than in any model.
    """
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            if value > _LARGEST:
                raise WorkerFailure(
                    Reason.SOURCE_CORRUPT,
                    f"{name} has {value.bit_length() * 3 // 10 + 1} digits, more than in any model",
                )
            return value
    return None


def possible(whole: int, largest: int = _LARGEST_SIZE) -> str:
    """Return the sizes up to `largest` that divide a number, at most 20 of them, as text."""
    sizes = [size for size in range(1, min(whole, largest) + 1) if whole % size == 0]
    return ", ".join(str(size) for size in sizes[:_NAMED]) + (", ..." if len(sizes) > _NAMED else "")


def possible_blocks(whole: int, block: int, most: int) -> str:
    """Return the sizes up to `most` that leave each rank whole blocks, at most 20 of them, as text."""
    sizes = [size for size in range(1, min(most, 4096) + 1) if whole % size == 0 and (whole // size) % block == 0]
    return ", ".join(str(size) for size in sizes[:20]) or "1"


def invalid(message: str) -> WorkerFailure:
    """Return the failure of settings that do not fit the model."""
    return WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, message)


def check_divided(name: str, inner: int | None, size: int, otherwise: str = "") -> None:
    """Check that the size divides a number of the model. `otherwise` ends the message.

    Raises:
        WorkerFailure: InvalidEngineArguments if it does not.
    """
    if inner and inner % size:
        raise invalid(
            f"{name} {inner} is not divisible by {size}, the tensor parallel size; possible values are "
            f"{possible(inner)}{otherwise}"
        )

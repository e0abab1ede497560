"""Reads from a quantization configuration which weights share a scale, and which modules are not quantized."""

from collections.abc import Iterable, Mapping
from typing import Any


def blocks_of(quantization: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return rows and columns of the blocks that share a scale, None unless the weights are FP8 in blocks."""
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


def group_of(quantization: Mapping[str, Any]) -> int | None:
    """Return the number of inputs that share a scale, None if that limits no rank."""
    method = quantization.get("quant_method")
    found: object = None
    some_only = quantization.get("dynamic") or quantization.get("modules_in_block_to_quantize")
    if method == "gptq" and not quantization.get("desc_act") and not some_only:
        found = quantization.get("group_size")
    elif method == "awq":
        found = quantization.get("group_size", quantization.get("q_group_size"))
    else:
        return compressed_group(quantization)
    return _possible_group(found)


def compressed_group(quantization: Mapping[str, Any]) -> int | None:
    """Return the number of inputs that share a scale in compressed-tensors' integers; None if they are reordered."""
    found: object = None
    for group in _groups(quantization):
        if group.get("strategy") == "group" and group.get("type") == "int" and not group.get("actorder"):
            found = group.get("group_size")
    return _possible_group(found)


def _possible_group(found: object) -> int | None:
    return found if type(found) is int and 0 < found <= 4096 else None


def _groups(quantization: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """Yield compressed-tensors' settings of the weights, if they are the same for all linear layers."""
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


def ignored(quantization: Mapping[str, Any]) -> list[str]:
    """Return names of modules that are not quantized, and patterns of such names."""
    names: list[str] = []
    for key in ("modules_to_not_convert", "ignored_layers", "ignore"):
        value = quantization.get(key)
        names += [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
    return names

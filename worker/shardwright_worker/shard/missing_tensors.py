"""Names the tensors that a source lacks by its own names; vLLM fuses several of them into one weight."""

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

import torch

from shardwright_worker.files.safetensors_header import HeaderError, read_header
from shardwright_worker.shard.unwritten_memory import fill_unwritten, unwritten

Packed = Mapping[str, list[str]]  # vLLM's name of a fused module -> the source's names of its parts

# Names of weights that vLLM computes itself after loading, and of the order of quantization groups (GPTQ's `desc_act`),
# which a source has only if its groups are ordered.
_COMPUTED = ("g_idx_sort_indices", "workspace")
_ORDER = ("g_idx",)
_EXPERTS = re.compile(r"^(.*\bexperts)\.(?:routed_experts\.)?w(?:13|2)_")


def find_missing(state: Mapping[str, torch.Tensor], packed: Packed, source: set[str], ordered: bool) -> list[str]:
    """Return the names of weights that the source did not write. Padding is filled with zeros.

    `state`: the weights by vLLM's names. `source`: names of the source's tensors as far as they are known. `ordered`:
    its quantization groups have an order.
    """
    missing: list[str] = []
    for name, tensor in state.items():
        exempt = _COMPUTED if ordered else (*_COMPUTED, *_ORDER)
        if name.endswith(exempt):
            continue
        marked = unwritten(tensor)
        if bool(marked.any()):
            missing += _missing(name, tensor, marked, packed, source)
    return sorted(set(missing))


def source_names(folder: Path) -> set[str]:
    """Return the names of all tensors in the folder's safetensors files; damaged files are vLLM's to report."""
    names: set[str] = set()
    for path in folder.glob("*.safetensors"):
        try:
            names |= read_header(path).keys()
        except (HeaderError, OSError):
            continue
    return names


def _missing(name: str, tensor: torch.Tensor, marked: torch.Tensor, packed: Packed, source: set[str]) -> list[str]:
    origins = _origins(name, packed)
    if absent := [origin for origin in origins if origin not in source]:
        return absent if len(absent) < len(origins) else [name + _where(marked)]
    if bool(marked.all()):
        return [name]
    if tensor.dim() == 3 and (gone := _experts(name, marked.reshape(tensor.shape[0], -1))):
        return [f"{name} expert {gone}"]
    fill_unwritten(tensor)
    return []


def _origins(name: str, packed: Packed) -> list[str]:
    """Return the names of this weight's parts in a source with vLLM's module tree; its own if it is not fused."""
    module, _, leaf = name.rpartition(".")
    parent, _, last = module.rpartition(".")
    if _EXPERTS.match(name):
        return []
    return [f"{parent}.{part}.{leaf}" for part in packed.get(last, [last])] if parent else [name]


def _experts(name: str, marked: torch.Tensor) -> str:
    """Return the experts that lack their weight, or one of the two that vLLM fuses into w13: gate first, then up.

    `marked`: for each expert (first dimension) its rows.
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/layers/fused_moe/unquantized_fused_moe_method.py#L87
    """
    two = name.rpartition(".")[2].startswith("w13") and marked.shape[1] % 2 == 0
    return _spans(marked.reshape(marked.shape[0], 2 if two else 1, -1).all(dim=2).any(dim=1))


def _where(marked: torch.Tensor) -> str:
    return "" if bool(marked.all()) else f" rows {_spans(marked)}"


def _spans(rows: torch.Tensor) -> str:
    numbers = [int(one) for one in rows.nonzero().flatten()]
    spans = [f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in _runs(numbers)]
    return ", ".join(spans[:4]) + (", ..." if len(spans) > 4 else "")


def _runs(numbers: list[int]) -> Iterator[list[int]]:
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        yield [number for _, number in group]

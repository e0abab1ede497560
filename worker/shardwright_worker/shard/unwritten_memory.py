"""Finds weights that the source did not write: vLLM loads a model that lacks a linear weight and serves old memory.

While a model is built, memory that is allocated but not filled is marked; what vLLM fills itself, such as default
scales, is not. What still has the mark after loading was not in the source.
vLLM's own check leaves out every layer with a quantization method, which linear layers have even if not quantized:
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/default_loader.py#L505-L552
"""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_ATEN = torch.ops.aten
_UNFILLED = {
    _ATEN.empty.memory_format,
    _ATEN.empty_like.default,
    _ATEN.empty_permuted.default,
    _ATEN.empty_strided.default,
    _ATEN.new_empty.default,
    _ATEN.new_empty_strided.default,
}
# By bytes of an element: the mark. It is an unusual NaN in 16, 32 and 64 bits, and unlikely as an integer.
_BITS = {1: 0x7F, 2: 0x7FA5, 4: 0x7FA5C3D2, 8: 0x7FF5A5C3D2A5C3D2}
_HALF = 0x7D5A  # the mark in float16
_AS_NUMBER = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_ROWS = 4096  # compared in one operation


class Marking(TorchDispatchMode):  # type: ignore[misc]
    """While it is entered, tensors that torch allocates without filling them are marked.

    https://github.com/pytorch/pytorch/blob/v2.13.0/torch/utils/_python_dispatch.py#L72
    """

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call the operator, and mark its result if that is unfilled."""
        result = function(*args, **(kwargs or {}))
        if function in _UNFILLED and result.device.type != "meta" and _bits(result) is not None:
            result.view(_AS_NUMBER[result.element_size()]).fill_(_bits(result))
        return result


def unwritten(tensor: torch.Tensor) -> torch.Tensor:
    """Return for each row (all dimensions but the last, flattened) whether it is marked: a bool tensor on the CPU.

    The rows of a tensor of one dimension are its elements. One marked element marks the row; in types of one byte, in
    which the mark is a common value, all elements must be marked.
    """
    rows = tensor.detach().reshape(-1, tensor.shape[-1]) if tensor.dim() > 1 else tensor.detach().reshape(-1, 1)
    bits = _bits(tensor)
    if bits is None or not tensor.numel():
        return torch.zeros(rows.shape[0], dtype=torch.bool)
    found = []
    for start in range(0, rows.shape[0], _ROWS):
        same = rows[start : start + _ROWS].contiguous().view(_AS_NUMBER[tensor.element_size()]) == bits
        found.append((same.all(dim=1) if _is_coarse(tensor) else same.any(dim=1)).cpu())
    marked = torch.cat(found)
    if _is_coarse(tensor) and tensor.dim() < 2:
        return torch.full_like(marked, bool(marked.all()) and tensor.numel() > 1)
    return marked


def fill_unwritten(tensor: torch.Tensor) -> None:
    """Write zeros where there are marks, in padding that vLLM never reads, so that it is equal in every run."""
    flat = tensor.data.view(_AS_NUMBER[tensor.element_size()])
    flat.masked_fill_(flat == _bits(tensor), 0)


def _bits(tensor: torch.Tensor) -> int | None:
    if tensor.dtype is torch.bool or tensor.dtype.is_complex:
        return None
    return _HALF if tensor.dtype is torch.float16 else _BITS.get(tensor.element_size())


def _is_coarse(tensor: torch.Tensor) -> bool:
    return tensor.element_size() == 1 or tensor.dtype in (torch.int16, torch.uint16)

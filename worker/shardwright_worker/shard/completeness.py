"""Notices what the source did not write: vLLM itself does not miss a linear weight, it serves what memory held.

While the model is built, memory that nobody fills gets a mark; what vLLM fills by itself, such as default scales, has
none. After loading, what still bears the mark came from nowhere.
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
# By bytes of an element: bits that are a NaN of an unusual kind in 16, 32 and 64 bits, and unlikely as whole numbers.
_BITS = {1: 0x7F, 2: 0x7FA5, 4: 0x7FA5C3D2, 8: 0x7FF5A5C3D2A5C3D2}
_HALF = 0x7D5A  # the same for float16
_AS_NUMBER = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_ROWS = 4096  # looked at together


class Marking(TorchDispatchMode):  # type: ignore[misc]
    """While it is entered, memory that is handed out unfilled is marked."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call through, and mark."""
        result = function(*args, **(kwargs or {}))
        if function in _UNFILLED and result.device.type != "meta" and _bits(result) is not None:
            result.view(_AS_NUMBER[result.element_size()]).fill_(_bits(result))
        return result


def unwritten(tensor: torch.Tensor) -> torch.Tensor:
    """For each line of the last dimension (a tensor of one dimension is one line of single elements): is it marked?

    One marked element marks the line. Where marks could be values, in types of one byte, all its elements must be.
    """
    lines = tensor.detach().reshape(-1, tensor.shape[-1]) if tensor.dim() > 1 else tensor.detach().reshape(-1, 1)
    bits = _bits(tensor)
    if bits is None or not tensor.numel():
        return torch.zeros(lines.shape[0], dtype=torch.bool)
    found = []
    for start in range(0, lines.shape[0], _ROWS):
        same = lines[start : start + _ROWS].contiguous().view(_AS_NUMBER[tensor.element_size()]) == bits
        found.append((same.all(dim=1) if _is_coarse(tensor) else same.any(dim=1)).cpu())
    marked = torch.cat(found)
    if _is_coarse(tensor) and tensor.dim() < 2:
        return torch.full_like(marked, bool(marked.all()) and tensor.numel() > 1)
    return marked


def fill_unwritten(tensor: torch.Tensor) -> None:
    """Zeros where there are marks: padding that vLLM adds to a weight and never reads, equal in every run."""
    flat = tensor.data.view(_AS_NUMBER[tensor.element_size()])
    flat.masked_fill_(flat == _bits(tensor), 0)


def _bits(tensor: torch.Tensor) -> int | None:
    if tensor.dtype is torch.bool or tensor.dtype.is_complex:
        return None
    return _HALF if tensor.dtype is torch.float16 else _BITS.get(tensor.element_size())


def _is_coarse(tensor: torch.Tensor) -> bool:
    return tensor.element_size() == 1 or tensor.dtype in (torch.int16, torch.uint16)

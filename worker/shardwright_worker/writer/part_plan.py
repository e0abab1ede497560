"""Plans the parts of a rank: which tensor is written where, and the header of each file. Pure arithmetic."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

PAGE = 4096  # bytes
STREAMS = 8  # parts that a rank may write at the same time; decides the layout, so it never depends on the machine
SMALLEST = 256 * 1024**2  # bytes; a rank is not split into smaller parts only to write them at the same time


@dataclass(frozen=True, slots=True)
class TensorPlan:
    """A tensor as a safetensors header describes it; `size` in bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int


@dataclass(frozen=True, slots=True)
class PartPlan:
    """A file: its header, padded so that the data starts on a page, and its tensors in the order of their bytes.

    A header is its length as 8 bytes, little endian, and JSON that may end in spaces:
    https://github.com/huggingface/safetensors/blob/v0.8.0/README.md#format
    """

    header: bytes
    tensors: tuple[TensorPlan, ...]

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return len(self.header) + sum(tensor.size for tensor in self.tensors)


def plan_parts(tensors: Sequence[TensorPlan], max_file_size: int) -> list[PartPlan]:
    """Return parts of at most `max_file_size` bytes of tensors, about equal in size, in the given order.

    A tensor is never split: one that is larger than that gets a part of its own. No part is empty.
    """
    total = sum(tensor.size for tensor in tensors)
    count = max(-(-total // max_file_size), min(STREAMS, total // SMALLEST), 1)
    goal = total / count
    parts: list[list[TensorPlan]] = []
    size = 0
    for tensor in tensors:
        full = size + tensor.size > max_file_size or size + tensor.size / 2 > goal
        if not parts or (full and size):
            parts.append([])
            size = 0
        parts[-1].append(tensor)
        size += tensor.size
    return [_plan(part) for part in parts]


def _plan(tensors: list[TensorPlan]) -> PartPlan:
    """Put tensors of whole pages first, so that they stay aligned, then the others by the width of their elements."""
    whole = [tensor for tensor in tensors if tensor.size % PAGE == 0]
    odd = [tensor for tensor in tensors if tensor.size % PAGE]
    odd.sort(key=lambda tensor: -_width(tensor))
    ordered = (*whole, *odd)
    return PartPlan(_header(ordered), ordered)


def _width(tensor: TensorPlan) -> int:
    elements = 1
    for length in tensor.shape:
        elements *= length
    return tensor.size // elements if elements else 0


def _header(tensors: Sequence[TensorPlan]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for tensor in tensors:
        end = offset + tensor.size
        entries[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    padded = -(-(len(text) + 8) // PAGE) * PAGE - 8
    return padded.to_bytes(8, "little") + text.ljust(padded, b" ")

"""Reads the header of a safetensors file, without the safetensors library and in bounded memory.

The format: https://huggingface.co/docs/safetensors/index#format
"""

import math
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

from shardwright_worker.files.file_signature import identify_content
from shardwright_worker.files.json_reader import JsonReader
from shardwright_worker.files.json_tokens import JsonError
from shardwright_worker.files.regular_file import NotRegularFileError, open_regular
from shardwright_worker.files.tensor_names import TensorNameBudget

# The library's own limit: https://github.com/huggingface/safetensors/blob/v0.7.0/safetensors/src/tensor.rs
HEADER_LIMIT = 100_000_000  # bytes
MAX_TENSORS = 500_000  # in one file; the largest models have half as many in total
_MOST_DIMENSIONS = 64
_LONGEST_SHOWN = 300
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip


class HeaderError(ValueError):
    """The file is not a complete safetensors file; the message completes "FILE ..."."""


class TensorEntry(NamedTuple):
    """One tensor of a header. `begin` and `end` are byte offsets from the start of the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


def read_header(path: Path) -> dict[str, TensorEntry]:
    """Return the tensors of a file by name.

    Raises:
        HeaderError: the header is not valid, or the file does not have the length that the header implies.
        OSError: the file cannot be read.
    """
    try:
        file = open_regular(path)
    except NotRegularFileError as error:
        raise HeaderError(str(error)) from None
    with file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if length < 2 or length > HEADER_LIMIT or 8 + length > size:
            content = identify_content(path)
            if content:
                raise HeaderError(f"is not a safetensors file but {content}")
            if length < 2 or length > HEADER_LIMIT:
                raise HeaderError("is not a safetensors file: its first 8 bytes are not the length of a header")
            raise HeaderError(f"is truncated: its header alone needs {8 + length} bytes, the file has {size}")
        entries = _entries(file, length)
    _check_offsets(entries, 8 + length, size)
    return entries


def printable_name(name: str) -> str:
    """Return a tensor's name for a message: of limited length, and without control characters for a terminal."""
    return name if name.isprintable() and len(name) <= _LONGEST_SHOWN else ascii(name[:_LONGEST_SHOWN])


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _entries(file: BinaryIO, length: int) -> dict[str, TensorEntry]:
    reader = JsonReader(file, length)
    entries: dict[str, TensorEntry] = {}
    budget = TensorNameBudget()
    try:
        if reader.kind() != "{":
            raise HeaderError("is damaged: its header is not a JSON object")
        for name in reader.members():
            if name == "__metadata__":
                reader.skip()
                continue
            if name in entries:
                raise HeaderError(f"is damaged: its header has two entries of tensor {printable_name(name)}")
            if not _is_text(name):
                raise HeaderError(
                    f"is damaged: its header has a tensor whose name is not UTF-8 text: {printable_name(name)}"
                )
            problem = budget.charge(name)
            if problem:
                raise HeaderError(problem)
            if len(entries) == MAX_TENSORS:
                raise HeaderError(f"has more than {MAX_TENSORS} tensors, which is the limit for one file")
            entries[name] = _entry(name, reader.value(), 8 + length)
        reader.end()
    except JsonError as error:
        raise HeaderError(f"is damaged: its header is not a JSON object of tensors: {error}") from None
    return entries


def _check_offsets(entries: dict[str, TensorEntry], data_start: int, size: int) -> None:
    position = data_start
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != position:
            raise HeaderError(f"is damaged: tensor {printable_name(name)} does not start where the one before it ends")
        position = entry.end
    if size < position:
        raise HeaderError(f"is truncated: its header requires {position} bytes, the file has {size}")
    if size > position:
        raise HeaderError(f"is damaged: {size - position} bytes follow the last tensor")


def _entry(name: str, value: object, data_start: int) -> TensorEntry:
    try:
        dtype, shape, (begin, end) = value["dtype"], tuple(value["shape"]), value["data_offsets"]  # type: ignore[index]
        numbers = [*shape, begin, end]
        valid = isinstance(dtype, str) and all(type(number) is int and 0 <= number < 2**64 for number in numbers)
        valid = valid and len(shape) <= _MOST_DIMENSIONS and begin <= end
    except (KeyError, TypeError, ValueError):
        valid = False
    if not valid:
        raise HeaderError(f"is damaged: the header's entry of tensor {printable_name(name)} cannot be read")
    bits = _BITS.get(dtype)
    # The size of a dtype that is newer than this list cannot be checked.
    if bits is not None and (end - begin) * 8 != (math.prod(shape) * bits + 7) // 8 * 8:
        tensor = f"tensor {printable_name(name)} of dtype {dtype} and shape {list(shape)}"
        raise HeaderError(f"is damaged: {tensor} has {end - begin} bytes")
    return TensorEntry(dtype, shape, data_start + begin, data_start + end)

"""Reads the header of a safetensors file without any library, in little memory."""

import math
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

from shardwright_worker.files.file_signature import looks_like, pickle_damage
from shardwright_worker.files.json_reader import JsonError, JsonReader
from shardwright_worker.files.regular_file import NotRegular, open_regular
from shardwright_worker.files.tensor_names import NamesKept

__all__ = ["HEADER_LIMIT", "HeaderError", "TensorEntry", "looks_like", "pickle_damage", "read_header"]

HEADER_LIMIT = 100_000_000  # bytes; the format's own limit
MOST_TENSORS = 500_000  # in one file; the largest models have half as many in all
_MOST_DIMENSIONS = 64
_LONGEST_SHOWN = 300
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip


class HeaderError(ValueError):
    """The file is not the whole safetensors file that it should be; the message says what it looks like."""


class TensorEntry(NamedTuple):
    """One tensor of a header. `begin` and `end` count from the start of the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


def read_header(path: Path) -> dict[str, TensorEntry]:
    """The tensors of the file by name. HeaderError unless the header is sound and the file as long as it says."""
    try:
        file = open_regular(path)
    except NotRegular as error:
        raise HeaderError(str(error)) from None
    with file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if length < 2 or length > HEADER_LIMIT or 8 + length > size:
            looks = looks_like(path)
            if looks:
                raise HeaderError(f"is no safetensors file but {looks}")
            if length < 2 or length > HEADER_LIMIT:
                raise HeaderError("is no safetensors file: its first 8 bytes are not the length of a header")
            raise HeaderError(f"is truncated: its header alone needs {8 + length} bytes, the file has {size}")
        entries = _entries(file, length)
    _check_places(entries, 8 + length, size)
    return entries


def shown(name: str) -> str:
    """A tensor's name as it may stand in a message: of some length, and without what a terminal would act on."""
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
    kept = NamesKept()
    try:
        if reader.kind() != "{":
            raise HeaderError("is damaged: its header is not a JSON object")
        for name in reader.members():
            if name == "__metadata__":
                reader.skip()
                continue
            if name in entries:
                raise HeaderError(f"is damaged: its header has two entries of tensor {shown(name)}")
            if not _is_text(name):
                raise HeaderError(f"is damaged: its header has a tensor whose name is no text: {shown(name)}")
            excess = kept.excess(name)
            if excess:
                raise HeaderError(excess)
            if len(entries) == MOST_TENSORS:
                raise HeaderError(f"has more than {MOST_TENSORS} tensors, which no model has in a file")
            entries[name] = _entry(name, reader.value(), 8 + length)
        reader.end()
    except JsonError as error:
        raise HeaderError(f"is damaged: its header is not JSON of tensors: {error}") from None
    return entries


def _check_places(entries: dict[str, TensorEntry], data_start: int, size: int) -> None:
    position = data_start
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != position:
            raise HeaderError(f"is damaged: tensor {shown(name)} does not start where the one before it ends")
        position = entry.end
    if size < position:
        raise HeaderError(f"is truncated: its header announces {position} bytes, the file has {size}")
    if size > position:
        raise HeaderError(f"is damaged: {size - position} bytes follow the last tensor")


def _entry(name: str, value: object, data_start: int) -> TensorEntry:
    try:
        dtype, shape, (begin, end) = value["dtype"], tuple(value["shape"]), value["data_offsets"]  # type: ignore[index]
        numbers = [*shape, begin, end]
        sound = isinstance(dtype, str) and all(type(number) is int and 0 <= number < 2**64 for number in numbers)
        sound = sound and len(shape) <= _MOST_DIMENSIONS and begin <= end
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise HeaderError(f"is damaged: the header's entry of tensor {shown(name)} cannot be read")
    bits = _BITS.get(dtype)
    # A dtype that is newer than this list is taken at its word.
    if bits is not None and (end - begin) * 8 != (math.prod(shape) * bits + 7) // 8 * 8:
        what = f"tensor {shown(name)} of dtype {dtype} and shape {list(shape)}"
        raise HeaderError(f"is damaged: {what} has {end - begin} bytes")
    return TensorEntry(dtype, shape, data_start + begin, data_start + end)

"""Reads the header of a safetensors file without any library, and says what a file is that is none."""

import json
import math
import zipfile
from pathlib import Path
from typing import NamedTuple

HEADER_LIMIT = 100_000_000  # bytes; the format's own limit
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
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if length < 2 or length > HEADER_LIMIT or 8 + length > size:
            looks = looks_like(path)
            if looks:
                raise HeaderError(f"is no safetensors file but {looks}")
            if length < 2 or length > HEADER_LIMIT:
                raise HeaderError("is no safetensors file: its first 8 bytes are not the length of a header")
            raise HeaderError(f"is truncated: its header alone needs {8 + length} bytes, the file has {size}")
        text = file.read(length)
    return _entries(text, 8 + length, size)


def _entries(text: bytes, data_start: int, size: int) -> dict[str, TensorEntry]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise HeaderError("is damaged: its header is not JSON") from None
    if not isinstance(header, dict):
        raise HeaderError("is damaged: its header is not a JSON object")
    entries = {name: _entry(name, value, data_start) for name, value in header.items() if name != "__metadata__"}
    position = data_start
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != position:
            raise HeaderError(f"is damaged: tensor {name} does not start where the one before it ends")
        position = entry.end
    if size < position:
        raise HeaderError(f"is truncated: its header announces {position} bytes, the file has {size}")
    if size > position:
        raise HeaderError(f"is damaged: {size - position} bytes follow the last tensor")
    return entries


def _entry(name: str, value: object, data_start: int) -> TensorEntry:
    try:
        dtype, shape, (begin, end) = value["dtype"], tuple(value["shape"]), value["data_offsets"]  # type: ignore[index]
        numbers = [*shape, begin, end]
        sound = isinstance(dtype, str) and all(type(number) is int and number >= 0 for number in numbers)
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise HeaderError(f"is damaged: the header's entry of tensor {name} cannot be read")
    bits = _BITS.get(dtype)
    # A dtype that is newer than this list is taken at its word.
    if bits is not None and (end - begin) * 8 != (math.prod(shape) * bits + 7) // 8 * 8:
        raise HeaderError(f"is damaged: tensor {name} of dtype {dtype} and shape {list(shape)} has {end - begin} bytes")
    return TensorEntry(dtype, shape, data_start + begin, data_start + end)


def looks_like(path: Path) -> str:
    """What a file is that should hold weights, tokens or JSON; empty if nothing is striking."""
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        return "an empty file"
    if not start.strip(b"\0"):
        return "a run of zero bytes (a download that broke off, or a hole left by a full disk)"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer (fetch the file itself with `git lfs pull`)"
    if text.startswith((b"<!doctype html", b"<html", b"<head")):
        return "an HTML page (a login or error page instead of the download)"
    if text.startswith((b"<?xml", b"<error")):
        return "an XML document (an error of the object store instead of the download)"
    if text.startswith((b'{"error', b"invalid username or password")):
        return "an error message of a server instead of the download"
    if start.startswith(b"GGUF"):
        return "a GGUF file"
    return ""


def pickle_damage(path: Path) -> str:
    """What is wrong with a weights file in PyTorch's own format; empty if nothing is to be seen without unpickling."""
    looks = looks_like(path)
    if looks:
        return f"is no PyTorch file but {looks}"
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(b"PK\x03\x04"):
        return "" if zipfile.is_zipfile(path) else "is truncated: the directory at its end is missing"
    return "" if start.startswith(b"\x80") else "is no PyTorch file: it starts like none"

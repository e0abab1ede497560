"""Reads the names of tensors in PyTorch's own files from the pickle's instructions, without carrying out any."""

import io
import pickletools
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from shardwright_worker.files.regular_file import open_regular

_LARGEST = 32 * 1024**2  # bytes of instructions; there are some hundred for each tensor
_MOST = 10_000_000  # instructions of all files, some seconds' work; there are some thirty for each tensor
_LARGEST_PART = 4 * 1024**2  # bytes read at once; an archive's directory, with some eighty for each tensor, is one
_HEADERS = 3  # pickles before the one with the tensors, in files that are no archives
_TEXTS = ("SHORT_BINUNICODE", "BINUNICODE", "UNICODE", "BINUNICODE8")
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")
_GETS = ("GET", "BINGET", "LONG_BINGET")


def instructions_left() -> Iterator[int]:
    """How many instructions may be read of all files of a source; those that come after them have no names."""
    return iter(range(_MOST))


def tensor_names(path: Path, left: Iterator[int]) -> list[str]:
    """The tensors that a state dict names at its top, as far as can be told; none for what is pickled otherwise."""
    if next(left, None) is None:
        return []
    try:
        with open_regular(path) as file:
            return list(_names(_instructions(file, left), left))
    except (ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error):
        return []


class _Parts:
    """A file that is never read in a large part: ZipFile reads a directory at once, as large as the archive claims."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """ValueError if this asks for a large part."""
        part = self._file.read(size if 0 <= size <= _LARGEST_PART else _LARGEST_PART + 1)
        if len(part) > _LARGEST_PART:
            raise ValueError("a part is too large")
        return part


def _instructions(file: BinaryIO, left: Iterator[int]) -> BinaryIO:
    """The pickle of the state dict."""
    if file.read(4).startswith(b"PK"):
        with zipfile.ZipFile(_Parts(file)) as archive:
            inner = next((each for each in archive.infolist() if each.filename.endswith("/data.pkl")), None)
            # Python unpacks the other kinds of compression without any bound, and PyTorch reads none of them.
            if inner is None or inner.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                return io.BytesIO()
            with archive.open(inner) as opened:
                parts = iter(lambda: opened.read(_LARGEST_PART), b"")
                return io.BytesIO(b"".join(islice(parts, _LARGEST // _LARGEST_PART)))
    file.seek(0)
    rest = io.BytesIO(file.read(_LARGEST))
    for _ in range(_HEADERS):
        for _ in zip(left, pickletools.genops(rest), strict=False):
            pass
    return rest


def _names(pickle: BinaryIO, left: Iterator[int]) -> Iterator[str]:
    """Each text that a call to rebuild a tensor follows at once: that is a key of the state dict."""
    rebuilders: set[object] = set()
    text, last = "", ""
    stored = 0
    for _, (opcode, argument, _position) in zip(left, pickletools.genops(pickle), strict=False):
        name = opcode.name
        if name in _PUTS:
            stored, key = stored + 1, stored if name == "MEMOIZE" else argument
            if last == "rebuilder":
                rebuilders.add(key)
            continue
        is_rebuilder = (name == "GLOBAL" and "_rebuild_" in str(argument)) or (name in _GETS and argument in rebuilders)
        if is_rebuilder and last == "text":
            yield text
        if name in _TEXTS:
            text, last = str(argument), "text"
        else:
            last = "rebuilder" if is_rebuilder else ""

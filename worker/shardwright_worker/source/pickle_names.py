"""Reads the tensor names of a PyTorch checkpoint from the opcodes of its pickle, without executing any.

torch.save writes a ZIP archive whose data.pkl is a pickle of the state dict; the older format is a sequence of pickles:
https://github.com/pytorch/pytorch/blob/v2.13.0/torch/serialization.py#L1021 (legacy) and #L1183
"""

import io
import pickletools
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from shardwright_worker.files.regular_file import open_regular

_MAX_PICKLE = 32 * 1024**2  # bytes; a tensor takes some hundred
_MAX_OPCODES = 10_000_000  # of all files together, a few seconds of work; a tensor takes some thirty
_MAX_READ = 4 * 1024**2  # bytes read at once; the archive's directory, some eighty for each tensor, is one read
_HEADERS = 3  # pickles before that of the state dict in the older format: magic number, protocol, system
_STRINGS = ("SHORT_BINUNICODE", "BINUNICODE", "UNICODE", "BINUNICODE8")
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")
_GETS = ("GET", "BINGET", "LONG_BINGET")


def opcode_budget() -> Iterator[int]:
    """Return the budget of opcodes for all files of a source; tensors after its end are not found."""
    return iter(range(_MAX_OPCODES))


def pickle_tensor_names(path: Path, left: Iterator[int]) -> list[str]:
    """Return the tensors at the top of a state dict, none if the file holds something else. Uses up `left`.

    Raises:
        OSError: the file cannot be read.
    """
    if next(left, None) is None:
        return []
    try:
        with open_regular(path) as file:
            return list(_names(_open_pickle(file, left), left))
    except (ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error):
        return []


class _BoundedReads:
    """A file that refuses large reads: ZipFile reads the directory at once, as large as the archive claims it to be."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Read; ValueError if it would return more than the limit."""
        part = self._file.read(size if 0 <= size <= _MAX_READ else _MAX_READ + 1)
        if len(part) > _MAX_READ:
            raise ValueError("a read is too large")
        return part


def _open_pickle(file: BinaryIO, left: Iterator[int]) -> BinaryIO:
    """Return the pickle of the state dict."""
    if file.read(4).startswith(b"PK"):
        with zipfile.ZipFile(_BoundedReads(file)) as archive:
            inner = next((each for each in archive.infolist() if each.filename.endswith("/data.pkl")), None)
            # Python decompresses other methods without a bound, and PyTorch reads none of them.
            if inner is None or inner.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                return io.BytesIO()
            with archive.open(inner) as opened:
                parts = iter(lambda: opened.read(_MAX_READ), b"")
                return io.BytesIO(b"".join(islice(parts, _MAX_PICKLE // _MAX_READ)))
    file.seek(0)
    rest = io.BytesIO(file.read(_MAX_PICKLE))
    for _ in range(_HEADERS):
        for _ in zip(left, pickletools.genops(rest), strict=False):
            pass
    return rest


def _names(pickle: BinaryIO, left: Iterator[int]) -> Iterator[str]:
    """Yield each string that is followed at once by a reference to torch._utils._rebuild_*: a key of the state dict."""
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
        if is_rebuilder and last == "string":
            yield text
        if name in _STRINGS:
            text, last = str(argument), "string"
        else:
            last = "rebuilder" if is_rebuilder else ""

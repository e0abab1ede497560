"""Reads the names of tensors in PyTorch's own files from the pickle's instructions, without carrying out any."""

import io
import pickletools
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from shardwright_worker.regular_file import open_regular

_LARGEST = 32 * 1024**2  # bytes of instructions; there are some hundred for each tensor
_HEADERS = 3  # pickles before the one with the tensors, in files that are no archives
_TEXTS = ("SHORT_BINUNICODE", "BINUNICODE", "UNICODE", "BINUNICODE8")
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")
_GETS = ("GET", "BINGET", "LONG_BINGET")


def tensor_names(path: Path) -> list[str]:
    """The tensors that a state dict names at its top, as far as can be told; none for what is pickled otherwise."""
    try:
        with open_regular(path) as file:
            return list(_names(_instructions(file)))
    except (ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error):
        return []


def _instructions(file: BinaryIO) -> BinaryIO:
    """The pickle of the state dict."""
    if file.read(4).startswith(b"PK"):
        with zipfile.ZipFile(file) as archive:
            inner = next((each for each in archive.infolist() if each.filename.endswith("/data.pkl")), None)
            if inner is None:
                return io.BytesIO()
            with archive.open(inner) as opened:
                return io.BytesIO(opened.read(_LARGEST))
    file.seek(0)
    rest = io.BytesIO(file.read(_LARGEST))
    for _ in range(_HEADERS):
        for _opcode, _argument, _position in pickletools.genops(rest):
            pass
    return rest


def _names(pickle: BinaryIO) -> Iterator[str]:
    """Each text that a call to rebuild a tensor follows at once: that is a key of the state dict."""
    rebuilders: set[object] = set()
    text, last = "", ""
    stored = 0
    for opcode, argument, _position in pickletools.genops(pickle):
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

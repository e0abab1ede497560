"""Which side an error of the file system is on: the source that is read, the output, or neither; and what it means."""

import errno
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_AWAY = (errno.EIO, errno.ESTALE, errno.EREMOTEIO, errno.EUCLEAN)
_FORBIDDEN = (errno.EACCES, errno.EPERM)
_GONE = (errno.ENOENT, errno.ENOTDIR)
# How Python, and the Rust library below safetensors, write an error's number into their text.
_NUMBER = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)")
_PATH = re.compile(r"""(?:^|[\s'"(])(/[^'"\n]{1,4096}?)(?=['")]|[:;,]?\s|$)""", re.M)
_PATHS = 8  # of one message that are looked at
_SHARED_MEMORY = "/dev/shm"  # noqa: S108
_WORDS = {"FileNotFoundError": errno.ENOENT, "PermissionError": errno.EACCES, "NotADirectoryError": errno.ENOTDIR}


@dataclass(frozen=True, slots=True)
class Sides:
    """Folders of the two sides. A proof has no source: what it reads is the output."""

    source: Path | None = None
    output: Path | None = None


def system_number(kind: str, message: str, number: int | None) -> int | None:
    """The system's error number: as the exception has it, as its text tells it, or as its type means it."""
    if number:
        return number
    found = _NUMBER.search(message)
    return int(found[1] or found[2]) if found else _WORDS.get(kind)


def judge_system_error(number: int, message: str, names: Iterable[str], sides: Sides) -> WorkerFailure | None:
    """The failure that a system's error number stands for; None where it says nothing about a volume."""
    found = [Path(name) for name in (*names, *_PATH.findall(message)[:_PATHS])]
    side, path = _side(found, number, message, sides)
    if side and path:
        number = _tried_again(path, number)
    what = f"{os.strerror(number)}: {path}" if path else message
    if number in _FULL:
        return _full(path, what)
    if number == errno.ENOMEM:
        return WorkerFailure(Reason.OUT_OF_MEMORY, f"no memory is left ({what})")
    if side is None:
        device = path is not None and str(path).startswith(("/dev/nvidia", "/dev/kfd", "/dev/dri"))
        return WorkerFailure(Reason.DEVICE_UNAVAILABLE, what) if device else None
    if number in _AWAY:
        return WorkerFailure(Reason.VOLUME_UNAVAILABLE, f"the volume of the {side} gives an I/O error: {what}")
    me = f"user {os.getuid()}, group {os.getgid()}"
    if number in (*_FORBIDDEN, errno.EROFS):
        if side == "source":
            return WorkerFailure(Reason.SOURCE_UNREADABLE, f"a file of the source may not be read by {me}: {what}")
        return WorkerFailure(Reason.VOLUME_NOT_WRITABLE, f"the output cannot be used by {me}: {what}")
    if number in _GONE and side == "source":
        return WorkerFailure(Reason.SOURCE_INCOMPLETE, f"a file of the source is missing: {what}")
    return None


def _side(paths: list[Path], number: int, message: str, sides: Sides) -> tuple[str | None, Path | None]:
    """The side, and the file that shows it. A reader that names no file means what it loads."""
    for name, folder in (("output", sides.output), ("source", sides.source)):
        for path in paths:
            if folder and path.is_relative_to(folder):
                return name, path
    if paths:
        return None, paths[0]
    if "os error" in message or number in _AWAY:  # safetensors names no file, and neither does a read that fails
        return ("source", sides.source) if sides.source else ("output", sides.output)
    return None, None


def _tried_again(path: Path, number: int) -> int:
    """safetensors calls every file that it cannot open a missing one: what does the system say?"""
    if number not in _GONE:
        return number
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return error.errno or number
    return number


def _full(path: Path | None, what: str) -> WorkerFailure:
    if path and str(path).startswith(_SHARED_MEMORY):
        message = f"{_SHARED_MEMORY} is full, and ranks exchange tensors there: give it more memory ({what})"
        return WorkerFailure(Reason.OUT_OF_MEMORY, message)
    return WorkerFailure(Reason.INSUFFICIENT_SPACE, what)

"""Which side an error of the file system is on: the source that is read, the output, or neither; and what it means."""

import errno
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.process_group import SHARED_MEMORY
from shardwright_worker.files.volume_errors import DISK_FULL, NOT_FOUND, is_unavailable

_FULL = (*DISK_FULL, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM)
# What files answer, and neither sockets nor processes: it means a volume though it names no file.
_OF_FILES_ALONE = (errno.EIO, errno.ESTALE, errno.EREMOTEIO, errno.EUCLEAN)
# How Python, and the Rust library below safetensors, write an error's number into their text.
_NUMBER = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)")
_SPELLED = re.compile(r" \((\d{1,3})\)")  # torch and NCCL: No space left on device (28)
_PATH = re.compile(r"""(?:^|[\s'"(<])(/[^'"\n]{1,4096}?)(?=['")>]|[:;,]?\s|$)""", re.M)
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
    if found := _NUMBER.search(message):
        return int(found[1] or found[2])
    spelled = [int(found[1]) for found in _SPELLED.finditer(message) if _follows_its_words(found)]
    spelled += [each for each in DISK_FULL if os.strerror(each) in message]
    return spelled[0] if spelled else _WORDS.get(kind)


def _follows_its_words(found: re.Match[str]) -> bool:
    return found.string.endswith(os.strerror(int(found[1])), 0, found.start())


def judge_system_error(number: int, message: str, names: Iterable[str], sides: Sides) -> WorkerFailure | None:
    """The failure that a system's error number stands for; None where it says nothing about a volume."""
    found = _paths(names, message)
    side, path = _side(found, number, message, sides)
    if side and path:
        number = _tried_again(path, number)
    what = f"{os.strerror(number)}: {path}" if path else message
    if number in _FULL:
        return _full(side, found, what)
    if number == errno.ENOMEM:
        return WorkerFailure(Reason.OUT_OF_MEMORY, f"no memory is left ({what})")
    if side is None:
        device = path is not None and str(path).startswith(("/dev/nvidia", "/dev/kfd", "/dev/dri"))
        return WorkerFailure(Reason.DEVICE_UNAVAILABLE, what) if device else None
    if is_unavailable(OSError(number, what)):
        return WorkerFailure(Reason.VOLUME_UNAVAILABLE, f"the volume of the {side} cannot be used: {what}")
    me = f"user {os.getuid()}, group {os.getgid()}"
    if number in (*_FORBIDDEN, errno.EROFS):
        if side == "source":
            return WorkerFailure(Reason.SOURCE_UNREADABLE, f"a file of the source may not be read by {me}: {what}")
        return WorkerFailure(Reason.VOLUME_NOT_WRITABLE, f"the output cannot be used by {me}: {what}")
    if number in NOT_FOUND and side == "source":
        return WorkerFailure(Reason.SOURCE_INCOMPLETE, f"a file of the source is missing: {what}")
    return None


def tells_of_files(number: int, message: str, names: Iterable[str], sides: Sides) -> bool:
    """Whether an error number that was not judged tells of what was loaded, and not of the machine.

    Of an output, whose files are ours, that is only that one is not there.
    """
    side, path = _side(_paths(names, message), number, message, sides)
    return side == "source" or (number in NOT_FOUND and (side is not None or path is None))


def _paths(names: Iterable[str], message: str) -> list[Path]:
    return [Path(name) for name in (*names, *_PATH.findall(message)[:_PATHS])]


def _side(paths: list[Path], number: int, message: str, sides: Sides) -> tuple[str | None, Path | None]:
    """The side, and the file that shows it. A reader that names no file means what it loads."""
    for name, folder in (("output", sides.output), ("source", sides.source)):
        for path in paths:
            if folder and path.is_relative_to(folder):
                return name, path
    if paths:
        return None, paths[0]
    if number in _FULL:  # who writes and has no source proves, and that writes beside the output
        return ("output", sides.output) if sides.source and sides.output else (None, None)
    if "os error" in message or number in _OF_FILES_ALONE:  # safetensors names no file, nor does a read that fails
        return ("source", sides.source) if sides.source else ("output", sides.output)
    return None, None


def _tried_again(path: Path, number: int) -> int:
    """safetensors calls every file that it cannot open a missing one: what does the system say?"""
    if number not in NOT_FOUND:
        return number
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return error.errno or number
    return number


def _full(side: str | None, paths: list[Path], what: str) -> WorkerFailure:
    if side:
        return WorkerFailure(Reason.INSUFFICIENT_SPACE, what)
    if shared := next((path for path in paths if _is_shared_memory(str(path))), None):
        message = f"{_SHARED_MEMORY} is full, and ranks exchange tensors there: give it more memory ({shared})"
        return WorkerFailure(Reason.OUT_OF_MEMORY, message)
    return WorkerFailure(Reason.UNEXPECTED_ERROR, f"the pod's own disk is full, and not the output: {what}")


def _is_shared_memory(path: str) -> bool:
    """Whoever makes a segment names it without its folder."""
    return path.startswith(f"{_SHARED_MEMORY}/") or f"{_SHARED_MEMORY}{path}".startswith(SHARED_MEMORY)

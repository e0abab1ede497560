"""Finds the folder that an error of the file system is about, source or output, and the reason it stands for there."""

import errno
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.process_group import SHARED_MEMORY
from shardwright_worker.files.volume_errors import DISK_FULL, NOT_FOUND, is_unavailable

_FORBIDDEN = (errno.EACCES, errno.EPERM)
# Errors of files, and neither of sockets nor of processes: they mean a volume even where no file is named.
_OF_FILES_ALONE = (errno.EIO, errno.ESTALE, errno.EREMOTEIO, errno.EUCLEAN)
# How Python, and Rust's standard library below safetensors, write an errno into the text of an error.
_NUMBER = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)")
_SPELLED = re.compile(r" \((\d{1,3})\)")  # torch and NCCL: No space left on device (28)
_PATH = re.compile(r"""(?:^|[\s'"(<])(/[^'"\n]{1,4096}?)(?=['")>]|[:;,]?\s|$)""", re.M)
_MOST_PATHS = 8  # of one message that are searched
_SHARED_MEMORY = "/dev/shm"  # noqa: S108
_BY_TYPE = {"FileNotFoundError": errno.ENOENT, "PermissionError": errno.EACCES, "NotADirectoryError": errno.ENOTDIR}
Owner = Literal["source", "output"]


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders that an error may be about. Who loads the shards has no source: what it reads is the output."""

    source: Path | None = None
    output: Path | None = None


def system_errno(error_type: str, message: str, number: int | None) -> int | None:
    """Return the errno of an error: its own, the one in its text, or the one that its type means."""
    if number:
        return number
    if found := _NUMBER.search(message):
        return int(found[1] or found[2])
    spelled = [int(found[1]) for found in _SPELLED.finditer(message) if _follows_its_text(found)]
    spelled += [each for each in DISK_FULL if os.strerror(each) in message]
    return spelled[0] if spelled else _BY_TYPE.get(error_type)


def _follows_its_text(found: re.Match[str]) -> bool:
    return found.string.endswith(os.strerror(int(found[1])), 0, found.start())


def classify_io_error(number: int, message: str, files: Iterable[str], folders: Folders) -> WorkerFailure | None:
    """Return the failure that an errno stands for; None where it is not about a volume. `files`: of the exception."""
    paths = _paths(files, message)
    owner, path = _owner(paths, number, message, folders)
    if owner and path:
        number = _errno_of_opening(path, number)
    what = f"{os.strerror(number)}: {path}" if path else message
    if number in DISK_FULL:
        return _full(owner, paths, what)
    if number == errno.ENOMEM:
        return WorkerFailure(Reason.OUT_OF_MEMORY, f"no memory is left ({what})")
    if owner is None:
        device = path is not None and str(path).startswith(("/dev/nvidia", "/dev/kfd", "/dev/dri"))
        return WorkerFailure(Reason.DEVICE_UNAVAILABLE, what) if device else None
    if is_unavailable(OSError(number, what)):
        return WorkerFailure(Reason.VOLUME_UNAVAILABLE, f"the volume of the {owner} cannot be used: {what}")
    me = f"user {os.getuid()}, group {os.getgid()}"
    if number in (*_FORBIDDEN, errno.EROFS):
        if owner == "source":
            return WorkerFailure(Reason.SOURCE_UNREADABLE, f"a file of the source may not be read by {me}: {what}")
        return WorkerFailure(Reason.VOLUME_NOT_WRITABLE, f"the output cannot be used by {me}: {what}")
    if number in NOT_FOUND and owner == "source":
        return WorkerFailure(Reason.SOURCE_INCOMPLETE, f"a file of the source is missing: {what}")
    return None


def is_about_loaded_files(number: int, message: str, files: Iterable[str], folders: Folders) -> bool:
    """Return whether an errno that `classify_io_error` does not know is about what was loaded, not about the machine.

    The files of an output are the worker's own: there it is only about them if one is missing.
    """
    owner, path = _owner(_paths(files, message), number, message, folders)
    return owner == "source" or (number in NOT_FOUND and (owner is not None or path is None))


def _paths(files: Iterable[str], message: str) -> list[Path]:
    return [Path(name) for name in (*files, *_PATH.findall(message)[:_MOST_PATHS])]


def _owner(paths: list[Path], number: int, message: str, folders: Folders) -> tuple[Owner | None, Path | None]:
    """Return whose file the error is about, and the file. Where a reader names none, it is about what it loads."""
    if folders.output and (path := _inside(folders.output, paths)):
        return "output", path
    if folders.source and (path := _inside(folders.source, paths)):
        return "source", path
    if paths:
        return None, paths[0]
    if number in DISK_FULL:  # without a source there is only the verification, which writes nothing to the output
        return ("output", folders.output) if folders.source and folders.output else (None, None)
    if "os error" in message or number in _OF_FILES_ALONE:  # safetensors names no file, nor does a read that fails
        return ("source", folders.source) if folders.source else ("output", folders.output)
    return None, None


def _inside(folder: Path, paths: list[Path]) -> Path | None:
    return next((path for path in paths if path.is_relative_to(folder)), None)


def _errno_of_opening(path: Path, number: int) -> int:
    """Return why a file that is reported missing cannot be opened: safetensors says so of every file it cannot open."""
    if number not in NOT_FOUND:
        return number
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return error.errno or number
    return number


def _full(owner: Owner | None, paths: list[Path], what: str) -> WorkerFailure:
    if owner:
        return WorkerFailure(Reason.INSUFFICIENT_SPACE, what)
    if shared := next((path for path in paths if _is_shared_memory(str(path))), None):
        message = f"{_SHARED_MEMORY} is full, and ranks exchange tensors there: raise its size limit ({shared})"
        return WorkerFailure(Reason.OUT_OF_MEMORY, message)
    return WorkerFailure(Reason.UNEXPECTED_ERROR, f"the pod's own disk is full, and not the output: {what}")


def _is_shared_memory(path: str) -> bool:
    """Return whether the path is a shared memory segment; who creates one names it without its folder."""
    return path.startswith(f"{_SHARED_MEMORY}/") or f"{_SHARED_MEMORY}{path}".startswith(SHARED_MEMORY)

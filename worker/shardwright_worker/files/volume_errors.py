"""Maps errors of the file system to failure reasons: disk full, access denied, unavailable, or a bad source file."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.sizes import format_size
from shardwright_worker.files.free_space import space_of

# https://man7.org/linux/man-pages/man3/errno.3.html
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_ADVICE = {errno.EDQUOT: "; a quota is used up", errno.EFBIG: "; a lower maximum file size may fit"}
# Only these say that a file does not exist. After any other error it is unknown what is on the volume.
NOT_FOUND = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
# What volumes return for a call that they do not support.
UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)
_DENIED = (errno.EACCES, errno.EPERM)
_WRONG_KIND = (*NOT_FOUND, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY, errno.ELOOP, errno.ENOSYS, errno.EINVAL)
_ANSWERED = (*_DENIED, *_WRONG_KIND, *DISK_FULL, errno.EROFS, errno.ENOTSUP, errno.EXDEV)


@contextlib.contextmanager
def volume_errors(volume: Path, doing: str, source: Path | None = None, needed: int = 0) -> Iterator[None]:
    """Turn an OSError into a failure of the source if it names a file there, else into one of the volume.

    `doing` completes "cannot ..."; `needed` is the total number of bytes to write, 0 if that is not known.

    Raises:
        WorkerFailure: InsufficientSpace, VolumeUnavailable, VolumeNotWritable, or one about the source.
    """
    try:
        yield
    except OSError as error:
        raise _failure(error, volume, doing, source, needed) from error


@contextlib.contextmanager
def volume_read_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of reading one file or folder into a failure, unless it says that the path does not exist.

    What cannot be read is neither damaged nor missing; treating it so would remove healthy artifacts.

    Raises:
        WorkerFailure: VolumeUnavailable, or VolumeNotWritable if access is denied.
        OSError: the path does not exist.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NOT_FOUND:
            raise
        raise volume_read_failure(error, path) from error


def volume_read_failure(error: OSError, path: Path) -> WorkerFailure:
    """Return the failure for a file or folder of the output volume that cannot be read."""
    kind = type(error).__name__
    if error.errno in _DENIED:
        return WorkerFailure(Reason.VOLUME_NOT_WRITABLE, _access_denied(path), error_type=kind)
    return WorkerFailure(Reason.VOLUME_UNAVAILABLE, f"{path} cannot be read: {_text(error)}", error_type=kind)


def is_unavailable(error: OSError) -> bool:
    """Return whether an error means that the volume failed to answer, and not that it is full or rejects the call."""
    return error.errno not in _ANSWERED


def describe_free_space(volume: Path, needed: int = 0) -> str:
    """Return how many bytes are needed, if known, and how many are free on which volume."""
    needs = f"{format_size(needed)} are needed, and " if needed else ""
    with contextlib.suppress(OSError, StopIteration):
        place = next(each for each in (volume, *volume.parents) if os.path.isdir(each))
        space = space_of(place)
        return f"{needs}{place} has {format_size(space.free)} free of {format_size(space.total)}"
    return f"{needs}the free space of {volume} is not known"


def _failure(error: OSError, volume: Path, doing: str, source: Path | None, needed: int) -> WorkerFailure:
    kind = type(error).__name__
    if error.errno not in DISK_FULL and source and (file := _source_file(error, source)):
        message = _access_denied(file) if error.errno in _DENIED else f"{file} cannot be read: {_text(error)}"
        return WorkerFailure(_source_reason(error), message, error_type=kind)
    where = _name(error.filename2 or error.filename) or volume
    message = f"cannot {doing} as user {os.getuid()}, group {os.getgid()}: {_text(error)} ({where})"
    if error.errno in DISK_FULL:
        message += f"; {describe_free_space(volume, needed)}{_FULL_ADVICE.get(error.errno, '')}"
        return WorkerFailure(Reason.INSUFFICIENT_SPACE, message, error_type=kind)
    if error.errno in _DENIED:
        message += _owner(Path(where))
    reason = Reason.VOLUME_UNAVAILABLE if is_unavailable(error) else Reason.VOLUME_NOT_WRITABLE
    return WorkerFailure(reason, message, error_type=kind)


def _source_reason(error: OSError) -> Reason:
    if error.errno == errno.ENOENT:
        return Reason.SOURCE_INCOMPLETE
    if error.errno in _DENIED:
        return Reason.SOURCE_UNREADABLE
    return Reason.SOURCE_CORRUPT if error.errno in _WRONG_KIND else Reason.VOLUME_UNAVAILABLE


def _access_denied(path: Path) -> str:
    return f"{path} may not be read by user {os.getuid()}, group {os.getgid()}{_owner(path)}"


def _owner(path: Path) -> str:
    """Return owner and mode of the path, or of the closest folder above it whose state this user may see."""
    for each in (path, *path.parents):
        with contextlib.suppress(OSError):
            state = each.lstat()
            mode = stat.S_IMODE(state.st_mode)
            return f"; {each} belongs to {state.st_uid}:{state.st_gid} with mode {mode:04o}"
    return ""


def _text(error: OSError) -> str:
    return error.strerror or str(error)


def _name(name: object) -> str:
    return os.fsdecode(name) if isinstance(name, str | bytes) else ""


def _source_file(error: OSError, source: Path) -> Path | None:
    """Return the file of the source that the error is about.

    An error of copying names source and target; only a read error (EIO) is then blamed on the source.
    """
    names = [Path(os.fsdecode(name)) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    if len(names) == 2 and error.errno != errno.EIO:
        return None
    return next((name for name in names if name.is_relative_to(source)), None)

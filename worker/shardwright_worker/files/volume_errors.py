"""From errors of the file system to reasons: full, refused, without an answer, or a source that cannot be read."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.sizes import human_size

FULL = (errno.ENOSPC, errno.EDQUOT)
# What says that a file is not there, and nothing else does: any other error leaves open what is on the volume.
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
# What volumes answer to a call that they do not know.
UNABLE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)
_DENIED = (errno.EACCES, errno.EPERM)
_IN_THE_WAY = (*GONE, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY, errno.ELOOP, errno.ENOSYS, errno.EINVAL)
_REFUSED = (*_DENIED, *_IN_THE_WAY, errno.EROFS, errno.ENOTSUP, errno.EXDEV, errno.EFBIG)


@contextlib.contextmanager
def volume_errors(volume: Path, doing: str, source: Path | None = None, needed: int = 0) -> Iterator[None]:
    """An OSError inside becomes a WorkerFailure: the source's if it names one of its files, else the volume's.

    `needed`: bytes that all of it takes, where that is known.
    """
    try:
        yield
    except OSError as error:
        raise _failure(error, volume, doing, source, needed) from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Reads one file or folder of the volume: an OSError that does not say that it is gone becomes a WorkerFailure.

    What cannot be read is neither damaged nor missing, and whoever takes it for that removes what is healthy.
    """
    try:
        yield
    except OSError as error:
        if error.errno in GONE:
            raise
        raise unreadable(error, path) from error


def unreadable(error: OSError, path: Path) -> WorkerFailure:
    """The failure of a file or folder of the output volume that does not let itself be read."""
    kind = type(error).__name__
    if error.errno in _DENIED:
        message = f"{path} may not be read by user {os.getuid()}, group {os.getgid()}{_owner(path)}"
        return WorkerFailure(Reason.VOLUME_NOT_WRITABLE, message, error_type=kind)
    return WorkerFailure(Reason.VOLUME_UNAVAILABLE, f"{path} cannot be read: {_words(error)}", error_type=kind)


def is_no_answer(error: OSError) -> bool:
    """Whether an error says that the volume did not answer, rather than that it is full or refuses."""
    return error.errno not in (*_REFUSED, *FULL)


def lack_of_space(volume: Path, needed: int = 0) -> str:
    """What is needed, and what is free where."""
    needs = f"{human_size(needed)} are needed, and " if needed else ""
    with contextlib.suppress(OSError, StopIteration):
        place = next(each for each in (volume, *volume.parents) if os.path.isdir(each))
        state = os.statvfs(place)
        free, whole = state.f_bavail * state.f_frsize, state.f_blocks * state.f_frsize
        return f"{needs}{place} has {human_size(free)} free of {human_size(whole)}"
    return f"{needs}what is free in {volume} is not known"


def _failure(error: OSError, volume: Path, doing: str, source: Path | None, needed: int) -> WorkerFailure:
    kind = type(error).__name__
    if error.errno not in FULL and source and (file := _file_of(error, source)):
        return WorkerFailure(_reason_of_source(error), _words_of_source(error, file), error_type=kind)
    where = _name(error.filename2 or error.filename) or volume
    message = f"cannot {doing} as user {os.getuid()}, group {os.getgid()}: {_words(error)} ({where})"
    if error.errno in FULL:
        advice = "" if error.errno == errno.ENOSPC else "; a quota is used up"
        return WorkerFailure(
            Reason.INSUFFICIENT_SPACE, f"{message}; {lack_of_space(volume, needed)}{advice}", error_type=kind
        )
    if error.errno in _DENIED:
        message += _owner(Path(where))
    reason = Reason.VOLUME_UNAVAILABLE if is_no_answer(error) else Reason.VOLUME_NOT_WRITABLE
    return WorkerFailure(reason, message, error_type=kind)


def _reason_of_source(error: OSError) -> Reason:
    if error.errno == errno.ENOENT:
        return Reason.SOURCE_INCOMPLETE
    if error.errno in _DENIED:
        return Reason.SOURCE_UNREADABLE
    return Reason.SOURCE_CORRUPT if error.errno in _IN_THE_WAY else Reason.VOLUME_UNAVAILABLE


def _words_of_source(error: OSError, file: Path) -> str:
    if error.errno in _DENIED:
        return f"{file} may not be read by user {os.getuid()}, group {os.getgid()}{_owner(file)}"
    return f"{file} cannot be read: {_words(error)}"


def _owner(path: Path) -> str:
    """Whose a file is; the closest folder above it that may be looked at, where it hides."""
    for each in (path, *path.parents):
        with contextlib.suppress(OSError):
            state = each.lstat()
            mode = stat.S_IMODE(state.st_mode)
            return f"; {each} belongs to {state.st_uid}:{state.st_gid} with mode {mode:04o}"
    return ""


def _words(error: OSError) -> str:
    return error.strerror or str(error)


def _name(name: object) -> str:
    return os.fsdecode(name) if isinstance(name, str | bytes) else ""


def _file_of(error: OSError, source: Path) -> Path | None:
    """The source's file that the error is about. Copying names both ends; then a target that refuses comes first."""
    names = [Path(os.fsdecode(name)) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    if len(names) == 2 and error.errno != errno.EIO:
        return None
    return next((name for name in names if name.is_relative_to(source)), None)

"""From errors of the file system to reasons: the volume is full or refuses, or a file of the source cannot be read."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def volume_errors(volume: Path, doing: str, source: Path | None = None) -> Iterator[None]:
    """An OSError inside becomes a WorkerFailure: the source's if it names one of its files, else the volume's."""
    try:
        yield
    except OSError as error:
        raise _failure(error, volume, doing, source) from error


def _failure(error: OSError, volume: Path, doing: str, source: Path | None) -> WorkerFailure:
    if error.errno not in _FULL and source and (file := _file_of(error, source)):
        reason = Reason.SOURCE_INCOMPLETE if error.errno == errno.ENOENT else Reason.SOURCE_CORRUPT
        return WorkerFailure(reason, f"{file} cannot be read: {error.strerror}", error_type=type(error).__name__)
    reason = Reason.INSUFFICIENT_SPACE if error.errno in _FULL else Reason.VOLUME_NOT_WRITABLE
    where = error.filename2 or error.filename or volume
    message = f"cannot {doing} as user {os.getuid()}, group {os.getgid()}: {error.strerror or error} ({where})"
    return WorkerFailure(reason, message, error_type=type(error).__name__)


def _file_of(error: OSError, source: Path) -> Path | None:
    """The source's file that the error is about. Copying names both ends; then a target that refuses comes first."""
    names = [Path(os.fsdecode(name)) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    if len(names) == 2 and error.errno != errno.EIO:
        return None
    return next((name for name in names if name.is_relative_to(source)), None)

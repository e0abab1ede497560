"""Decides whether the owner of a lock file still runs, with or without working locks on the volume."""

import errno
import fcntl
import os
from enum import Enum
from pathlib import Path

from pydantic import ValidationError

from shardwright_worker.files.process_identity import ProcessIdentity
from shardwright_worker.files.volume_errors import NOT_FOUND

HEARTBEAT_TIMEOUT = 300.0  # seconds without a heartbeat after which an owner on another node counts as dead
_MAX_RECORD = 4096  # bytes
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL, errno.EBADF)


class LockState(Enum):
    """The result of asking for a lock file."""

    ACQUIRED = "this process owns it"
    HELD = "another process owns it and runs"
    UNKNOWN = "its owner is on another node and may run"


def try_flock(file: int) -> bool | None:
    """Return whether this process now holds the lock of the descriptor; None on a volume without locks.

    https://man7.org/linux/man-pages/man2/flock.2.html

    Raises:
        OSError: any other error of the volume.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def owner_state(file: int, locked: bool | None, now: float) -> LockState:
    """Return ACQUIRED if the file's owner is dead, so that it may be taken over; `now` is in seconds since the epoch.

    A lock alone proves little: some volumes have none, and on some network volumes it does not reach other nodes.
    Within one kernel the lock decides, within one PID namespace the process table, and else the last heartbeat.
    """
    owner = read_owner(file)
    if locked and (owner is None or owner.on_this_kernel):
        return LockState.ACQUIRED
    if owner is not None and owner.is_visible:
        return LockState.HELD if owner.is_running else LockState.ACQUIRED
    return LockState.UNKNOWN if now - os.fstat(file).st_mtime < HEARTBEAT_TIMEOUT else LockState.ACQUIRED


def read_owner(file: int) -> ProcessIdentity | None:
    """Return the owner that an open lock file names, or None if it names none."""
    try:
        return ProcessIdentity.model_validate_json(os.pread(file, _MAX_RECORD, 0))
    except ValidationError:
        return None


def read_owner_at(path: Path) -> ProcessIdentity | None:
    """Return the owner of the file that has this path now: an open file may have been removed or replaced.

    Raises:
        OSError: the volume does not answer.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in NOT_FOUND:
            return None
        raise
    try:
        return read_owner(file)
    finally:
        os.close(file)

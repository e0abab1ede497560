"""From an error while a source is read to a reason: the pod may not, the storage does not, or the file is none."""

import errno
import os
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.regular_file import NotRegular

_NOT_ALLOWED = (errno.EACCES, errno.EPERM)
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


def unreadable(name: str, path: Path, error: OSError | ValueError) -> WorkerFailure:
    """The failure that a file or folder of the source deserves which cannot be read; `name` is what people call it."""
    if isinstance(error, NotRegular):
        return WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} {error}")
    if not isinstance(error, OSError):
        return WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} cannot be read: {error}")
    kind = type(error).__name__
    if error.errno in _NOT_ALLOWED:
        return WorkerFailure(Reason.SOURCE_UNREADABLE, _not_allowed(name, path), error_type=kind)
    if error.errno in _GONE:
        what = f"a link to {os.readlink(path)}" if os.path.islink(path) else str(error.strerror)
        return WorkerFailure(Reason.SOURCE_INCOMPLETE, f"{name} cannot be opened: {what}", error_type=kind)
    return WorkerFailure(Reason.VOLUME_UNAVAILABLE, f"{name} cannot be read: {error.strerror}", error_type=kind)


def _not_allowed(name: str, path: Path) -> str:
    barrier = _barrier(path)
    me = f"user {os.getuid()} (groups {', '.join(str(each) for each in sorted({os.getgid(), *os.getgroups()}))})"
    if barrier is None:
        return f"{name} may not be read by {me}, and it cannot be seen whose it is: give that user the right"
    state = os.stat(barrier)
    what = "" if barrier == path else f", for {barrier}"
    right = "r" if barrier.is_file() else "rx"
    return (
        f"{name} may not be read by {me}{what or ': it'} belongs to {state.st_uid}:{state.st_gid} with mode "
        f"{state.st_mode & 0o7777:04o}; run `chmod -R a+{'rX' if right == 'rx' else 'r'} {barrier}`, or set "
        f"spec.job.podSecurityContext.runAsUser to {state.st_uid}, or fsGroup to a group that may read it"
    )


def _barrier(path: Path) -> Path | None:
    """The file or folder that stands in the way: the first from above that may not be entered, or the path itself."""
    for folder in reversed(path.parents):
        if folder.exists() and not os.access(folder, os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return folder
    try:
        os.stat(path)
    except OSError:
        return None
    return path

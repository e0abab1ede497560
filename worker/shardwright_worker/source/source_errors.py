"""Maps errors of reading a source to failure reasons: access denied, missing, unavailable, or not a regular file."""

import errno
import os
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.regular_file import NotRegularFileError
from shardwright_worker.files.volume_errors import NOT_FOUND

_DENIED = (errno.EACCES, errno.EPERM)
_MISSING = (*NOT_FOUND, errno.ELOOP)


def source_read_failure(name: str, path: Path, error: OSError | ValueError) -> WorkerFailure:
    """Return the failure for a file or folder of the source that cannot be read; `name` is its name in the message."""
    if isinstance(error, NotRegularFileError):
        return WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} {error}")
    if not isinstance(error, OSError):
        return WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} cannot be read: {error}")
    kind = type(error).__name__
    if error.errno in _DENIED:
        return WorkerFailure(Reason.SOURCE_UNREADABLE, _access_denied(name, path), error_type=kind)
    if error.errno in _MISSING:
        what = f"a link to {os.readlink(path)}" if os.path.islink(path) else str(error.strerror)
        return WorkerFailure(Reason.SOURCE_INCOMPLETE, f"{name} cannot be opened: {what}", error_type=kind)
    return WorkerFailure(Reason.VOLUME_UNAVAILABLE, f"{name} cannot be read: {error.strerror}", error_type=kind)


def _access_denied(name: str, path: Path) -> str:
    denied = _denied_at(path)
    user = f"user {os.getuid()} (groups {', '.join(str(each) for each in sorted({os.getgid(), *os.getgroups()}))})"
    if denied is None:
        return f"{name} may not be read by {user}, and its owner cannot be seen: grant that user access"
    state = os.stat(denied)
    subject = ": it" if denied == path else f", for {denied}"
    mode = "r" if denied.is_file() else "rX"
    return (
        f"{name} may not be read by {user}{subject} belongs to {state.st_uid}:{state.st_gid} with mode "
        f"{state.st_mode & 0o7777:04o}; run `chmod -R a+{mode} {denied}`, or set "
        f"spec.job.podSecurityContext.runAsUser to {state.st_uid}, or fsGroup to a group that may read it"
    )


def _denied_at(path: Path) -> Path | None:
    """Return the topmost folder on the way that may not be entered, else the path itself; None if it is not visible."""
    for folder in reversed(path.parents):
        if folder.exists() and not os.access(folder, os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return folder
    try:
        os.stat(path)
    except OSError:
        return None
    return path

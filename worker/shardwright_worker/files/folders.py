"""Creates folders that several workers share, and finds those that exist."""

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from shardwright_worker.files.file_modes import FOLDER_MODE, set_mode
from shardwright_worker.files.volume_errors import NOT_FOUND, volume_read_failure

_TRIES = 50
Result = TypeVar("Result")


def nearest_folder(path: Path) -> Path:
    """Return the path itself, or the closest folder above it that exists and that this user may access.

    Raises:
        WorkerFailure: the volume does not answer.
    """
    return next(each for each in (path, *path.parents) if _is_folder(each))


def mount_point(folder: Path) -> Path:
    """Return the root of the volume that a folder is on."""
    return next(each for each in (folder.resolve(), *folder.resolve().parents) if each.is_mount())


def make_folders(folder: Path) -> None:
    """Create a folder and its parents: readable by all whatever the umask, group bits as in the parent folder.

    Volumes with an fsGroup have the setgid bit and group write access, which new folders must keep:
    https://kubernetes.io/docs/tasks/configure-pod-container/security-context/

    Raises:
        OSError: a folder cannot be created.
        WorkerFailure: the volume does not answer.
    """
    for attempt in range(_TRIES):
        try:
            _make_folders(folder)
            return
        except FileNotFoundError:  # another worker removed a parent while it was empty
            if attempt + 1 == _TRIES:
                raise
            time.sleep(0.001 * attempt)


def with_shared_folder(folder: Path, work: Callable[[], Result]) -> Result:
    """Return `work()`, which needs a folder that every worker creates, and removes once it is empty.

    Another worker may remove the folder at any time before `work` has put something there: then both are repeated.

    Raises:
        FileNotFoundError: the folder disappeared every time.
        OSError: any other error of the volume.
    """
    for attempt in range(_TRIES):
        try:
            make_folders(folder)
            return work()
        except FileNotFoundError:
            if attempt + 1 == _TRIES:
                raise
            time.sleep(0.01)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))


def _is_folder(path: Path) -> bool:
    """Return whether this user can see that the path is a folder."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        if error.errno in (*NOT_FOUND, errno.EACCES, errno.EPERM, errno.ELOOP):
            return False
        raise volume_read_failure(error, path) from error


def _make_folders(folder: Path) -> None:
    for each in reversed([folder, *folder.parents]):
        if not _is_folder(each):
            with contextlib.suppress(FileExistsError):
                each.mkdir()
            shared = each.parent.stat().st_mode & (stat.S_ISGID | stat.S_IWGRP)
            set_mode(each, FOLDER_MODE | shared)

"""Moves files and folders within a volume: by rename(2) where the volume supports it, by copying where it does not."""

import ctypes
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from shardwright_worker.files.durable_files import copy_file
from shardwright_worker.files.nofollow import remove_tree
from shardwright_worker.files.volume_errors import UNSUPPORTED

_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
# Mounted object stores cannot rename folders and answer with many errors; EBUSY is of a folder that is a mount point.
RENAME_UNSUPPORTED = (*UNSUPPORTED, errno.EXDEV, errno.EMFILE, errno.EBUSY)


def rename_folder(source: Path, target: Path) -> bool:
    """Rename a folder in one atomic step without replacing anything; return False if the volume cannot rename folders.

    Where renameat2(2) is not supported, rename(2) serves: it replaces empty folders only.

    Raises:
        FileExistsError: the target exists.
        OSError: any other error of the volume.

    https://man7.org/linux/man-pages/man2/rename.2.html (RENAME_NOREPLACE)
    """
    libc = ctypes.CDLL(None, use_errno=True)
    code = libc.renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE)
    if code == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EEXIST, errno.ENOTEMPTY):
        raise FileExistsError(number, os.strerror(number), str(target))
    if number not in RENAME_UNSUPPORTED:
        raise OSError(number, os.strerror(number), str(source), None, str(target))
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise FileExistsError(error.errno, error.strerror, str(target)) from error
        if error.errno in RENAME_UNSUPPORTED:
            return False
        raise
    return True


def move_file(source: Path, target: Path) -> None:
    """Move a file, replacing what has the target's name; copy it where the volume cannot rename files.

    Raises:
        OSError: an error of the volume.
    """
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno not in RENAME_UNSUPPORTED:
            raise
        copy_file(source, target)
        os.unlink(source)


def move_files(source: Path, target: Path, names: Sequence[str]) -> None:
    """Move files by their relative names from one folder to another, in this order; missing folders are created."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        move_file(source / name, target / name)


def move_folder(source: Path, target: Path, last: str) -> None:
    """Move a folder to a name that is free; file by file, `last` at the end, where the volume cannot rename folders.

    Raises:
        FileExistsError: the target exists.
        OSError: any other error of the volume.
    """
    if rename_folder(source, target):
        return
    inner = [Path(where).relative_to(source) / name for where, _folders, files in os.walk(source) for name in files]
    names = sorted(name.as_posix() for name in inner)
    move_files(source, target, [*(name for name in names if name != last), *(name for name in names if name == last)])
    remove_tree(source)

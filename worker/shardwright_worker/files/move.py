"""Moves files and folders within a volume, by whatever way the volume has: renaming, or writing anew."""

import ctypes
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from shardwright_worker.files.file_modes import FILE_MODE, set_mode
from shardwright_worker.files.volume_errors import UNABLE
from shardwright_worker.files.volume_paths import remove_tree

_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
# Object stores behind a mount cannot rename a folder, and say so in many ways; nor can a folder that is mounted.
CANNOT_RENAME = (*UNABLE, errno.EXDEV, errno.EMFILE, errno.EBUSY)
_CANNOT_SYNC = (*UNABLE, errno.EBADF)
_CHUNK = 8 * 1024**2


def rename_folder(source: Path, target: Path) -> bool:
    """Rename without replacing: FileExistsError if the name is taken. False if the volume cannot rename folders."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = libc.renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE)
    if code == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EEXIST, errno.ENOTEMPTY):
        raise FileExistsError(number, os.strerror(number), str(target))
    if number not in CANNOT_RENAME:
        raise OSError(number, os.strerror(number), str(source), None, str(target))
    try:
        os.rename(source, target)  # a folder never replaces one that is not empty
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise FileExistsError(error.errno, error.strerror, str(target)) from error
        if error.errno in CANNOT_RENAME:
            return False
        raise
    return True


def move_file(source: Path, target: Path) -> None:
    """Give a file its name in another folder, in place of what has it. Copied where files cannot be renamed."""
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno not in CANNOT_RENAME:
            raise
        copy_file(source, target)
        os.unlink(source)


def copy_file(source: Path, target: Path) -> None:
    """Write a synced copy, in place of what has the name; nothing is written through a link."""
    target.unlink(missing_ok=True)
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        writing = create(target)
        try:
            while chunk := os.read(reading, _CHUNK):
                write_all(writing, chunk)
            os.fsync(writing)
        finally:
            os.close(writing)
    finally:
        os.close(reading)
    set_mode(target, FILE_MODE)


def create(path: Path) -> int:
    """A descriptor of a new file; what has the name already, a link included, is an error."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)


def write_all(file: int, data: bytes) -> None:
    """Write all of it."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def move_files(source: Path, target: Path, names: Sequence[str]) -> None:
    """Move files by their relative names, in this order, into folders that are made."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        move_file(source / name, target / name)


def move_folder(source: Path, target: Path, last: str) -> None:
    """Give a folder another name, which is free. File by file where folders cannot be renamed, the named one last."""
    if rename_folder(source, target):
        return
    inner = [Path(where).relative_to(source) / name for where, _folders, files in os.walk(source) for name in files]
    names = sorted(name.as_posix() for name in inner)
    move_files(source, target, [*(name for name in names if name != last), *(name for name in names if name == last)])
    remove_tree(source)


def sync(path: Path) -> None:
    """Return when a file, or the names in a folder, are on the disk. Some volumes cannot sync folders."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(file)
    except OSError as error:
        if not (os.path.isdir(path) and error.errno in _CANNOT_SYNC):
            raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(file)

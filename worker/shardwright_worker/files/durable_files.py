"""Writes new files completely, syncs them, and never writes through a symbolic link."""

import errno
import os
from pathlib import Path

from shardwright_worker.files.file_modes import FILE_MODE, set_mode
from shardwright_worker.files.volume_errors import UNSUPPORTED

_FOLDER_SYNC_UNSUPPORTED = (*UNSUPPORTED, errno.EBADF)
_CHUNK = 8 * 1024**2  # bytes copied at a time


def create_file(path: Path) -> int:
    """Return a descriptor of a new file that is open for writing.

    Raises:
        FileExistsError: something has the name already, a symbolic link included.
        OSError: any other error of the volume.
    """
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)


def write_all(file: int, data: bytes) -> None:
    """Write all bytes to a descriptor: write(2) may take fewer than it is passed."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def write_new_file(path: Path, data: bytes) -> None:
    """Create a file with this content, readable by all, and sync it.

    Raises:
        FileExistsError: something has the name already.
        OSError: any other error of the volume.
    """
    file = create_file(path)
    try:
        write_all(file, data)
        set_mode(file, FILE_MODE)
        os.fsync(file)
    finally:
        os.close(file)


def copy_file(source: Path, target: Path) -> None:
    """Write a synced copy of a file, replacing what has the target's name; neither name may be a link to follow.

    Raises:
        OSError: the source cannot be read, or the target not written.
    """
    target.unlink(missing_ok=True)
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        writing = create_file(target)
        try:
            while chunk := os.read(reading, _CHUNK):
                write_all(writing, chunk)
            os.fsync(writing)
        finally:
            os.close(writing)
    finally:
        os.close(reading)
    set_mode(target, FILE_MODE)


def fsync_path(path: Path) -> None:
    """Sync a file, or the names in a folder, to stable storage.

    A new or renamed file survives a crash only if its folder is synced too. Volumes that cannot sync folders are
    accepted: they have no other way.

    Raises:
        OSError: the volume could not write the data; the error names the path.

    https://man7.org/linux/man-pages/man2/fsync.2.html
    """
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(file)
    except OSError as error:
        if not (os.path.isdir(path) and error.errno in _FOLDER_SYNC_UNSUPPORTED):
            raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(file)

"""Opens, writes and syncs one file with whatever its volume supports: found by trying, not by a driver's name."""

import contextlib
import ctypes
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from shardwright_worker.files.file_modes import FILE_MODE, set_mode
from shardwright_worker.files.volume_errors import DISK_FULL, UNSUPPORTED, describe_free_space
from shardwright_worker.writer.part_plan import PAGE

MODE = FILE_MODE
_UNABLE = (*UNSUPPORTED, errno.ESPIPE)
_NO_RESERVING = (*_UNABLE, errno.ENODEV, errno.EINTR)


class OutputFile:
    """A new file of `size` bytes. Any thread may write any range of it once; `ordered`: only front to back."""

    def __init__(self, path: Path, size: int, ordered: bool) -> None:
        self.path = path
        self._size = size
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        self._direct = -1
        try:
            if not ordered:
                with self._naming():
                    _reserve(self._file, size)
                self._direct = _open_direct(path)
        except BaseException:
            self.close()
            raise

    def write(self, data: memoryview, offset: int) -> None:
        """Write `data`, which starts on a page in memory and in the file: whole pages past the page cache.

        O_DIRECT requires this alignment: https://man7.org/linux/man-pages/man2/open.2.html#NOTES

        Raises:
            OSError: with the file's name, and with the free space if there is too little.
        """
        with self._naming():
            self._write(data, offset)

    def _write(self, data: memoryview, offset: int) -> None:
        direct = self._direct
        whole = len(data) // PAGE * PAGE if direct >= 0 else 0
        try:
            _write_all(direct, data[:whole], offset)
        except OSError as error:
            if error.errno not in _UNABLE:
                raise
            self._direct, whole = -1, 0  # the volume requires another alignment: write through the page cache
        _write_all(self._file, data[whole:], offset + whole)

    def sync(self) -> None:
        """Return when the file is durable and readable by all users.

        Raises:
            OSError: with the file's name.
        """
        set_mode(self._file, MODE)
        with self._naming():
            os.fsync(self._file)

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        """Add the file's name to an error of the volume, and the needed and the free space if there is too little."""
        try:
            yield
        except OSError as error:
            text = error.strerror or str(error)
            if error.errno in DISK_FULL:
                text += f"; {describe_free_space(self.path.parent, self._size)}"
            raise OSError(error.errno, text, str(self.path)) from error

    def close(self) -> None:
        """Close the file's descriptors."""
        for file in (self._file, self._direct):
            if file >= 0:
                os.close(file)
        self._file = self._direct = -1


def needs_order(folder: Path) -> bool:
    """Return whether files of this folder can only be written front to back, as on mounts of object stores.

    https://github.com/awslabs/mountpoint-s3/blob/main/doc/SEMANTICS.md

    Raises:
        OSError: if the volume is full, or if no file can be created.
    """
    path = folder / f".probe-{uuid.uuid4().hex[:8]}"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    try:
        os.pwrite(file, b"last", PAGE)
        os.pwrite(file, b"first", 0)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        return True
    finally:
        os.close(file)
        with contextlib.suppress(OSError):
            os.unlink(path)
    return False


def _reserve(file: int, size: int) -> None:
    """Reserve the space: a lack of it shows at the start, and later writes need not extend the file.

    https://man7.org/linux/man-pages/man2/fallocate.2.html
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.fallocate(file, 0, ctypes.c_longlong(0), ctypes.c_longlong(size)) == 0:
        return
    number = ctypes.get_errno()
    if number not in _NO_RESERVING:
        raise OSError(number, os.strerror(number))


def _open_direct(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _UNABLE:
            return -1
        raise


def _write_all(file: int, data: memoryview, offset: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(file, data[done:], offset + done)

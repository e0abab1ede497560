"""Access to the output volume that never follows a symbolic link: it could lead anywhere on the node."""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.volume_errors import NOT_FOUND, volume_read_errors, volume_read_failure

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LINK_OR_SOCKET = (errno.ELOOP, errno.ENXIO)  # errors of open(2) with O_NOFOLLOW on a link, and on a socket


def normalize_path(text: str) -> Path:
    """Return the absolute path without `.`, `..` and doubled slashes, from its text alone: links are not resolved."""
    return Path("/" + os.path.abspath(text).lstrip("/"))


def reject_symlinks(root: Path, folder: Path) -> None:
    """Check that neither the folder nor one between it and the volume's root is a symbolic link.

    The root itself may be one, and the folder need not exist.

    Raises:
        WorkerFailure: VolumeNotWritable for a link and for a folder outside the root; VolumeUnavailable if the volume
            does not answer.
    """
    inside = folder.relative_to(root) if folder.is_relative_to(root) else None
    if inside is None or ".." in inside.parts:
        raise WorkerFailure(Reason.VOLUME_NOT_WRITABLE, f"{folder} is not inside the volume's root {root}")
    for depth in range(1, len(inside.parts) + 1):
        each = root.joinpath(*inside.parts[:depth])
        state = lstat_if_exists(each)
        if state is None:
            return
        if stat.S_ISLNK(state.st_mode):
            raise WorkerFailure(
                Reason.VOLUME_NOT_WRITABLE,
                f"{each} is a symbolic link, and links on the output volume are not followed: replace it with a "
                "folder, or name another output folder",
            )


def lstat_if_exists(path: Path) -> os.stat_result | None:
    """Return lstat of a path, or None if nothing has this name.

    Raises:
        WorkerFailure: the volume does not answer, so that neither is known.
    """
    try:
        with volume_read_errors(path):
            return path.lstat()
    except OSError:
        return None


def is_folder(path: Path) -> bool:
    """Return whether the path is a folder; a link to one is not."""
    state = lstat_if_exists(path)
    return state is not None and stat.S_ISDIR(state.st_mode)


def list_folder(folder: Path) -> list[str]:
    """Return the sorted names in a folder, none if it does not exist.

    Raises:
        WorkerFailure: the folder cannot be listed.
    """
    try:
        with volume_read_errors(folder):
            return sorted(os.listdir(folder))
    except OSError:
        return []


def lstat_below(folder: Path, name: str) -> os.stat_result | None:
    """Return lstat of a file by its relative name, or of the first link on the way to it; None if nothing is there."""
    state = None
    path = folder
    for part in name.split("/"):
        path = path / part
        state = lstat_if_exists(path)
        if state is None or stat.S_ISLNK(state.st_mode):
            return state
    return state


def open_nofollow(path: Path) -> BinaryIO:
    """Open a regular file for reading, unbuffered, without following a link and without blocking.

    Raises:
        FileNotFoundError: nothing has the name, or something else than a regular file.
        WorkerFailure: the volume does not answer or denies access.

    https://man7.org/linux/man-pages/man2/open.2.html (O_NOFOLLOW)
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (*NOT_FOUND, *_LINK_OR_SOCKET):
            raise FileNotFoundError(errno.ENOENT, "no regular file", str(path)) from None
        raise volume_read_failure(error, path) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "no regular file", str(path))
    os.set_blocking(descriptor, True)
    return cast(BinaryIO, os.fdopen(descriptor, "rb", buffering=0))


def read_nofollow(path: Path, limit: int) -> bytes:
    """Return the content of a regular file of at most `limit` bytes.

    Raises:
        FileNotFoundError: there is no regular file of this name.
        ValueError: the file has more bytes.
        WorkerFailure: the file cannot be read.
    """
    with open_nofollow(path) as file, volume_read_errors(path):
        pieces, size = [], 0
        while size <= limit and (piece := file.read(limit + 1 - size)):
            pieces.append(piece)
            size += len(piece)
    if size > limit:
        raise ValueError(f"{path} has more than {limit} bytes")
    return b"".join(pieces)


@contextlib.contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    """Open a folder that is not a link; operations relative to the descriptor stay in it even if it is renamed."""
    descriptor = os.open(folder, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def remove_tree(folder: Path) -> None:
    """Remove a folder and everything in it; links inside are removed, not followed.

    Entries that another process removes at the same time count as removed.

    Raises:
        OSError: something cannot be removed, or the folder is a link.
    """
    with contextlib.suppress(FileNotFoundError), open_folder(folder.parent) as parent:
        shutil.rmtree(folder.name, dir_fd=parent, onerror=_ignore_not_found)


def _ignore_not_found(_function: object, _path: object, info: object) -> None:
    error = cast(tuple[type[BaseException], BaseException, object], info)[1]
    if not (isinstance(error, OSError) and error.errno in NOT_FOUND):
        raise error

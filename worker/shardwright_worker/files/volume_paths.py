"""Keeps to one volume: paths without a link on the way, entries that are what they seem, removal by open folders."""

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
from shardwright_worker.files.volume_errors import GONE, reading, unreadable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_FILE = (errno.ELOOP, errno.ENXIO)  # what opening a link or a socket gives


def plain_path(text: str) -> Path:
    """The absolute path without `.`, `..` and doubled slashes, by its text alone: no link is looked at."""
    return Path("/" + os.path.abspath(text).lstrip("/"))


def refuse_links(root: Path, folder: Path) -> None:
    """VolumeNotWritable if the folder, or one between it and the volume's root, is a link: it may lead anywhere.

    The root itself is taken at its word.
    """
    inside = folder.relative_to(root) if folder.is_relative_to(root) else None
    if inside is None or ".." in inside.parts:
        raise WorkerFailure(Reason.VOLUME_NOT_WRITABLE, f"{folder} is not inside the volume's root {root}")
    for depth in range(1, len(inside.parts) + 1):
        each = root.joinpath(*inside.parts[:depth])
        state = look(each)
        if state is None:
            return
        if stat.S_ISLNK(state.st_mode):
            raise WorkerFailure(
                Reason.VOLUME_NOT_WRITABLE,
                f"{each} is a link, and links on the output volume are not followed: put a folder in its place, or "
                "name another output folder",
            )


def look(path: Path) -> os.stat_result | None:
    """The state of what has this name, a link's own; None if nothing has it."""
    try:
        with reading(path):
            return path.lstat()
    except OSError:
        return None


def is_folder(path: Path) -> bool:
    """Whether a folder has this name, and no link to one."""
    state = look(path)
    return state is not None and stat.S_ISDIR(state.st_mode)


def entries(folder: Path) -> list[str]:
    """The names in a folder, sorted; none if it is gone."""
    try:
        with reading(folder):
            return sorted(os.listdir(folder))
    except OSError:
        return []


def look_inside(folder: Path, name: str) -> os.stat_result | None:
    """The state of a file by its relative name; of a link, if one is on the way to it. None if nothing is there."""
    state = None
    path = folder
    for part in name.split("/"):
        path = path / part
        state = look(path)
        if state is None or stat.S_ISLNK(state.st_mode):
            return state
    return state


def open_plain(path: Path) -> BinaryIO:
    """Open a regular file for reading: FileNotFoundError if there is none, as for a link and for what could block."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (*GONE, *_NO_FILE):
            raise FileNotFoundError(errno.ENOENT, "no regular file", str(path)) from None
        raise unreadable(error, path) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "no regular file", str(path))
    os.set_blocking(descriptor, True)
    return cast(BinaryIO, os.fdopen(descriptor, "rb", buffering=0))


def read_plain(path: Path, limit: int) -> bytes:
    """The bytes of a regular file; ValueError if it has more than so many."""
    with open_plain(path) as file, reading(path):
        pieces, size = [], 0
        while size <= limit and (piece := file.read(limit + 1 - size)):
            pieces.append(piece)
            size += len(piece)
    if size > limit:
        raise ValueError(f"{path} has more than {limit} bytes")
    return b"".join(pieces)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[int]:
    """A descriptor of a folder that is no link; what is done through it stays there whatever its name becomes."""
    descriptor = os.open(folder, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it, through open folders: a link, wherever one is planted, is removed, not followed.

    What somebody else removes at the same moment is as good as removed.
    """
    with contextlib.suppress(FileNotFoundError), opened(folder.parent) as parent:
        shutil.rmtree(folder.name, dir_fd=parent, onerror=_unless_gone)


def _unless_gone(_function: object, _path: object, info: object) -> None:
    error = cast(tuple[type[BaseException], BaseException, object], info)[1]
    if not (isinstance(error, OSError) and error.errno in GONE):
        raise error

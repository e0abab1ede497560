"""Opens files that others put there: regular files alone, so that no pipe, device or kernel file can hold a reader."""

import contextlib
import os
import stat
from pathlib import Path
from typing import BinaryIO, cast

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
# What the kernel and the kubelet keep there is nobody's model, and may be this process's own secrets.
_NOT_FILES = ("/proc/", "/sys/", "/run/secrets/", "/var/run/secrets/")


class NotRegular(ValueError):  # noqa: N818 - says what the file is, not what went wrong
    """The path leads to something that is no regular file; the message says what it is."""


def open_regular(path: Path) -> BinaryIO:
    """Open for reading, following links, without ever waiting. OSError as open gives it, NotRegular for the rest."""
    refuse_irregular(path, os.stat(path))  # before it is opened: opening can be enough to hang, or to do something
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        refuse_irregular(path, os.fstat(descriptor))
        _refuse_kernel_files(descriptor)
        os.set_blocking(descriptor, True)
        return cast(BinaryIO, os.fdopen(descriptor, "rb"))
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes; ValueError if it has more."""
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"has more than {limit} bytes")
    return content


def refuse_irregular(path: Path, state: os.stat_result) -> None:
    """NotRegular unless this is the state of a regular file."""
    if not stat.S_ISREG(state.st_mode):
        what = next((words for is_it, words in _KINDS if is_it(state.st_mode)), "something else")
        raise NotRegular(f"is no regular file but {what}{_behind(path)}")


def _refuse_kernel_files(descriptor: int) -> None:
    real = ""
    with contextlib.suppress(OSError):  # a system without /proc has nothing to read there
        real = os.readlink(f"/proc/self/fd/{descriptor}")
    if real.startswith(_NOT_FILES):
        raise NotRegular(f"is no file of its own but a link to {real}")


def _behind(path: Path) -> str:
    with contextlib.suppress(OSError):
        return f" (a link to {os.readlink(path)})"
    return ""

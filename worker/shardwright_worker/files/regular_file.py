"""Opens untrusted files: regular files only, so that no pipe, device or kernel file can block the reader."""

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
# Files of the kernel and the kubelet belong to no model, and may hold secrets of this very process.
_KERNEL_AND_SECRETS = ("/proc/", "/sys/", "/run/secrets/", "/var/run/secrets/")


class NotRegularFileError(ValueError):
    """The path leads to something other than a regular file; the message says to what."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading, following symbolic links, without ever blocking.

    The kind is checked before the file is opened, because opening a device or a pipe can hang or have side effects,
    and again on the descriptor, because the path may have changed in between.

    Raises:
        OSError: the file does not exist or cannot be opened.
        NotRegularFileError: the path leads to something else.

    https://man7.org/linux/man-pages/man2/open.2.html (O_NONBLOCK, O_NOCTTY)
    """
    require_regular_file(path, os.stat(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        require_regular_file(path, os.fstat(descriptor))
        _reject_kernel_files(descriptor)
        os.set_blocking(descriptor, True)
        return cast(BinaryIO, os.fdopen(descriptor, "rb"))
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, limit: int) -> bytes:
    """Return the content of a regular file of at most `limit` bytes.

    Raises:
        OSError: the file does not exist or cannot be read.
        ValueError: the file has more bytes, or is not a regular file.
    """
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"has more than {limit} bytes")
    return content


def require_regular_file(path: Path, state: os.stat_result) -> None:
    """Do nothing if `state`, that of `path`, is of a regular file.

    Raises:
        NotRegularFileError: it is of something else.
    """
    if not stat.S_ISREG(state.st_mode):
        kind = next((name for matches, name in _KINDS if matches(state.st_mode)), "something else")
        raise NotRegularFileError(f"is not a regular file but {kind}{_link_target(path)}")


def _reject_kernel_files(descriptor: int) -> None:
    real = ""
    with contextlib.suppress(OSError):  # a system without /proc has no such files either
        real = os.readlink(f"/proc/self/fd/{descriptor}")
    if real.startswith(_KERNEL_AND_SECRETS):
        raise NotRegularFileError(f"is not a file of the model but a link to {real}")


def _link_target(path: Path) -> str:
    with contextlib.suppress(OSError):
        return f" (a link to {os.readlink(path)})"
    return ""

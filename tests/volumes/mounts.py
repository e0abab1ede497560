"""Runs a function in a mount namespace of its own: other processes do not see what it mounts, and it ends with it.

https://man7.org/linux/man-pages/man7/mount_namespaces.7.html
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tools.testing.unprivileged import run_in_child

_NEW_MOUNTS = 0x00020000
Result = TypeVar("Result")


def in_mount_namespace(function: Callable[[], Result]) -> Result:
    """Return the function's result, from a child process in a mount namespace of its own."""
    return run_in_child(function, _leave)


def _leave() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS):
        raise OSError(ctypes.get_errno(), "unshare: these tests need root")
    run("mount", "--make-rprivate", "/")


def run(*command: str | os.PathLike[str]) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True, capture_output=True)


def tmpfs(folder: Path, size: str) -> Path:
    """Mount a tmpfs of that size, such as `512k`, and return its folder."""
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    return folder


def ext4(folder: Path, megabytes: int) -> Path:
    """Mount an ext4 file system of that size and return its folder."""
    image = folder.with_suffix(".image")
    with image.open("wb") as file:
        file.truncate(megabytes * 2**20)
    run("mkfs.ext4", "-q", "-m", "0", image)
    folder.mkdir()
    run("mount", "-o", "loop", image, folder)
    return folder


def fill(folder: Path, leave: int = 0) -> None:
    """Fill the volume until `leave` bytes are free."""
    state = os.statvfs(folder)
    free = state.f_bavail * state.f_frsize - leave
    with (folder / "filler").open("wb", buffering=0) as file:
        while free > 0 and (written := _write(file.fileno(), min(free, 2**16))):
            free -= written


def _write(file: int, size: int) -> int:
    try:
        return os.write(file, b"\1" * size)
    except OSError:
        return 0

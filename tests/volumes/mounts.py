"""Runs a function among mounts of its own: what it mounts, nobody else sees, and it is gone at the end."""

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


def among_own_mounts(function: Callable[[], Result]) -> Result:
    """The function's result, from a child in a mount namespace of its own."""
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
    """A volume in memory of that size."""
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    return folder


def ext4(folder: Path, megabytes: int) -> Path:
    """A volume on a disk of that size."""
    image = folder.with_suffix(".image")
    with image.open("wb") as file:
        file.truncate(megabytes * 2**20)
    run("mkfs.ext4", "-q", "-m", "0", image)
    folder.mkdir()
    run("mount", "-o", "loop", image, folder)
    return folder


def fill(folder: Path, leave: int = 0) -> None:
    """Fill the volume up to so many bytes."""
    state = os.statvfs(folder)
    room = state.f_bavail * state.f_frsize - leave
    with (folder / "filler").open("wb", buffering=0) as file:
        while room > 0 and (written := _write(file.fileno(), min(room, 2**16))):
            room -= written


def _write(file: int, size: int) -> int:
    try:
        return os.write(file, b"\1" * size)
    except OSError:
        return 0

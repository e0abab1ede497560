"""Free and total space of a volume."""

import os
from pathlib import Path
from typing import NamedTuple


class Space(NamedTuple):
    """Bytes of a volume: those free for unprivileged users, and all. Some network file systems report 0 for both."""

    free: int
    total: int


def space_of(folder: Path) -> Space:
    """Return the space of the volume of an existing folder.

    Raises:
        OSError: the volume does not answer, or does not support the call.

    https://man7.org/linux/man-pages/man3/statvfs.3.html (f_bavail, f_blocks, f_frsize)
    """
    state = os.statvfs(folder)
    return Space(state.f_bavail * state.f_frsize, state.f_blocks * state.f_frsize)

"""Makes the system read files from storage again, and counts the bytes that a process reads from there."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from shardwright_worker.files.regular_file import open_regular

_IO = Path("/proc/self/io")
_READ = "read_bytes:"


def drop_from_page_cache(files: Iterable[Path]) -> None:
    """Drop the pages of these files from the machine's page cache, as far as no process has them mapped.

    Only clean pages are dropped, so what was written is flushed first:
    https://man7.org/linux/man-pages/man2/posix_fadvise.2.html

    Raises:
        OSError: a file cannot be opened.
        NotRegularFileError: one is not a regular file.
    """
    for path in files:
        with open_regular(path) as file:
            with contextlib.suppress(OSError):  # a volume that is mounted read-only has nothing to flush
                os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def bytes_read_from_storage(counters: Path = _IO) -> int | None:
    """Return the bytes that this process has caused to be read from storage, page faults included; None if unknown.

    https://man7.org/linux/man-pages/man5/proc_pid_io.5.html
    """
    with contextlib.suppress(OSError, ValueError):
        for line in counters.read_text().splitlines():
            if line.startswith(_READ):
                return int(line.removeprefix(_READ))
    return None

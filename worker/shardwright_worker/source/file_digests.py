"""Computes the SHA-256 of every file of a source, and from them the digest that names the source."""

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.naming import digest_of
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.regular_file import NotRegular, open_regular
from shardwright_worker.reporting.progress_bar import Show
from shardwright_worker.source.listing import SourceFile
from shardwright_worker.source.read_errors import unreadable
from shardwright_worker.source.selection import decides

_CHUNK = 4 * 1024 * 1024
_MOST_THREADS = 8


class Stopped(Exception):  # noqa: N818 - says that it was told to stop, not that something is wrong
    """The work was called off because something else failed."""


def digest_files(folder: Path, files: Sequence[SourceFile], show: Show) -> list[FileDigest]:
    """SHA-256 of each file, several at a time, largest first; in the order of `files`."""
    total = sum(file.size for file in files)
    done = 0
    lock, stop = threading.Lock(), threading.Event()

    def count(size: int) -> None:
        nonlocal done
        if stop.is_set():
            raise Stopped
        with lock:
            done += size
            show(Progress(stage=Stage.DIGESTING, bytes_done=done, bytes_total=total))

    threads = min(_MOST_THREADS, len(os.sched_getaffinity(0)))
    executor = ThreadPoolExecutor(threads, "digest")
    try:
        order = sorted(files, key=lambda file: -file.size)
        running = {file.name: executor.submit(_digest, folder, file, count) for file in order}
        return [running[file.name].result() for file in files]
    finally:
        stop.set()
        executor.shutdown(wait=False, cancel_futures=True)


def source_digest(files: Sequence[FileDigest]) -> str:
    """The digest that names a source: over names, sizes and contents of all files that can change an artifact."""
    return digest_of([[file.name, file.size, file.sha256] for file in sorted(files, key=_name) if decides(file.name)])


def _name(file: FileDigest) -> str:
    return file.name


def digest_file(path: Path, name: str, size: int) -> FileDigest:
    """SHA-256 of one file."""
    return _digest(path.parent, SourceFile(path.name, size), lambda _read: None).model_copy(update={"name": name})


def _digest(folder: Path, file: SourceFile, count: Callable[[int], None]) -> FileDigest:
    hasher = hashlib.sha256()
    size = 0
    buffer = memoryview(bytearray(min(_CHUNK, file.size + 1)))
    try:
        with open_regular(folder / file.name) as opened:
            while read := opened.readinto(buffer):  # type: ignore[attr-defined]
                hasher.update(buffer[:read])
                size += read
                count(read)
                if size > file.size:
                    break
    except (OSError, NotRegular) as error:
        raise unreadable(file.name, folder / file.name, error) from None
    if size != file.size:
        raise WorkerFailure(
            Reason.SOURCE_CHANGED, f"{file.name} changed while it was read: it had {file.size} bytes, now {size}"
        )
    return FileDigest(name=file.name, size=size, sha256=hasher.hexdigest())

"""Computes the SHA-256 of every file of a source, and from them the digest that names the source."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.naming import digest_of
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.hashing import hash_stream, ignore_bytes
from shardwright_worker.files.parallel import run_parallel
from shardwright_worker.files.regular_file import NotRegularFileError, open_regular
from shardwright_worker.reporting.progress_output import ShowProgress
from shardwright_worker.source.listing import SourceFile
from shardwright_worker.source.selection import affects_artifact
from shardwright_worker.source.source_errors import source_read_failure

_MAX_THREADS = 8  # files read at a time


def digest_files(folder: Path, files: Sequence[SourceFile], show: ShowProgress) -> list[FileDigest]:
    """Return the SHA-256 of each file in the order of `files`; they are read in parallel, largest first.

    Raises:
        WorkerFailure: SourceChanged if a file no longer has its listed size; another reason if it cannot be read.
    """
    total = sum(file.size for file in files)
    threads = min(_MAX_THREADS, len(os.sched_getaffinity(0)))
    order = sorted(files, key=lambda file: -file.size)
    digests = run_parallel(
        lambda file, count: _digest(folder, file, count),
        order,
        lambda done: show(Progress(stage=Stage.DIGESTING, bytes_done=done, bytes_total=total)),
        threads,
    )
    by_name = {digest.name: digest for digest in digests}
    return [by_name[file.name] for file in files]


def digest_file(path: Path, name: str, size: int) -> FileDigest:
    """Return the SHA-256 of one file under another name; `size` is the expected number of bytes.

    Raises:
        WorkerFailure: the file has another size, or cannot be read.
    """
    return _digest(path.parent, SourceFile(path.name, size), ignore_bytes).model_copy(update={"name": name})


def source_digest(files: Sequence[FileDigest]) -> str:
    """Return the SHA-256 in hex over names, sizes and digests of all files that can change an artifact."""
    kept = (file for file in files if affects_artifact(file.name))
    return digest_of([[file.name, file.size, file.sha256] for file in sorted(kept, key=lambda file: file.name)])


def _digest(folder: Path, file: SourceFile, count: Callable[[int], None]) -> FileDigest:
    hasher = hashlib.sha256()
    try:
        with open_regular(folder / file.name) as opened:
            size = hash_stream(opened, [hasher], count, limit=file.size + 1)  # one more byte shows that it grew
    except (OSError, NotRegularFileError) as error:
        raise source_read_failure(file.name, folder / file.name, error) from None
    if size != file.size:
        raise WorkerFailure(
            Reason.SOURCE_CHANGED, f"{file.name} changed while it was read: it had {file.size} bytes, now {size}"
        )
    return FileDigest(name=file.name, size=size, sha256=hasher.hexdigest())

"""Reads the files of an artifact again and compares their digests with the manifest's."""

import os
from collections.abc import Callable
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest, Manifest, Part
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.hashing import sha256_of
from shardwright_worker.files.parallel import run_parallel

_THREADS = 8  # files that are read at the same time


def read_back(folder: Path, manifest: Manifest, on_total: Callable[[int], None]) -> None:
    """Read every file that the manifest lists. `on_total` receives the bytes that were read so far.

    Raises:
        WorkerFailure: VerificationFailed that names a file that is missing or differs.
        OSError: a file cannot be read.
    """

    def check(file: FileDigest | Part, count: Callable[[int], None]) -> None:
        name = file.file if isinstance(file, Part) else file.name
        _check(folder / name, file.size, file.sha256, count)

    files: list[FileDigest | Part] = [*manifest.parts, *manifest.metadata]
    run_parallel(check, files, on_total, min(_THREADS, len(os.sched_getaffinity(0))))


def _check(path: Path, size: int, sha256: str, count: Callable[[int], None]) -> None:
    if not path.is_file():
        raise WorkerFailure(Reason.VERIFICATION_FAILED, f"{path.name} is missing")
    found = path.stat().st_size
    if found != size:
        raise WorkerFailure(Reason.VERIFICATION_FAILED, f"{path.name} has {found} bytes instead of {size}")
    if sha256_of(path, count) != sha256:
        raise WorkerFailure(Reason.VERIFICATION_FAILED, f"{path.name} does not have the bytes that were written")

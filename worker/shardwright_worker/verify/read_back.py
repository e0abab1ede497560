"""Digests of what lies on the volume."""

import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest, Manifest
from shardwright_worker.contract.reasons import Reason

CHUNK = 8 * 1024**2
THREADS = 8  # files that are read at a time


def sha256_of(path: Path, on_bytes: Callable[[int], None] = lambda _: None) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(CHUNK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            on_bytes(count)
    return digest.hexdigest()


def digest_file(folder: Path, name: str) -> FileDigest:
    """Name, size and SHA-256 of a file in the folder."""
    path = folder / name
    return FileDigest(name=name, size=path.stat().st_size, sha256=sha256_of(path))


def verify_digests(folder: Path, manifest: Manifest, on_bytes: Callable[[int], None] = lambda _: None) -> None:
    """Read everything again. Raises WorkerFailure (VerificationFailed) that names the file that differs."""
    expected = [(part.file, part.size, part.sha256) for part in manifest.parts]
    expected += [(one.name, one.size, one.sha256) for one in manifest.metadata]
    lock = threading.Lock()

    def count(size: int) -> None:
        with lock:
            on_bytes(size)

    with ThreadPoolExecutor(min(THREADS, len(os.sched_getaffinity(0)))) as pool:
        jobs = [pool.submit(_verify, folder / name, size, sha256, count) for name, size, sha256 in expected]
        try:
            for job in jobs:
                job.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _verify(path: Path, size: int, sha256: str, on_bytes: Callable[[int], None]) -> None:
    if not path.is_file():
        raise WorkerFailure(Reason.VERIFICATION_FAILED, f"{path.name} is missing")
    there = path.stat().st_size
    if there != size:
        raise WorkerFailure(Reason.VERIFICATION_FAILED, f"{path.name} has {there} bytes instead of {size}")
    if sha256_of(path, on_bytes) != sha256:
        raise WorkerFailure(Reason.VERIFICATION_FAILED, f"{path.name} does not have the bytes that were written")

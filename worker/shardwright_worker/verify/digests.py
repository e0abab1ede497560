"""Digests of what lies on the volume."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest, Manifest
from shardwright_worker.contract.reasons import Reason

CHUNK = 8 * 1024**2


def sha256_of(path: Path, on_bytes: Callable[[int], None] = lambda _: None) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
            on_bytes(len(piece))
    return digest.hexdigest()


def digest_file(folder: Path, name: str) -> FileDigest:
    """Name, size and SHA-256 of a file in the folder."""
    path = folder / name
    return FileDigest(name=name, size=path.stat().st_size, sha256=sha256_of(path))


def verify_digests(folder: Path, manifest: Manifest, on_bytes: Callable[[int], None] = lambda _: None) -> None:
    """Read everything again. Raises WorkerFailure (VerificationFailed) that names the file that differs."""
    expected = {part.file: (part.size, part.sha256) for part in manifest.parts}
    expected |= {one.name: (one.size, one.sha256) for one in manifest.metadata}
    for name, (size, sha256) in expected.items():
        path = folder / name
        if not path.is_file():
            raise WorkerFailure(Reason.VERIFICATION_FAILED, f"{name} is missing")
        if path.stat().st_size != size:
            message = f"{name} has {path.stat().st_size} bytes instead of {size}"
            raise WorkerFailure(Reason.VERIFICATION_FAILED, message)
        if sha256_of(path, on_bytes) != sha256:
            raise WorkerFailure(Reason.VERIFICATION_FAILED, f"{name} does not have the bytes that were written")

"""Checks that an artifact is what its manifest says: sizes and headers at once, every byte on request."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from shardwright_worker.artifact.artifact_files import wrong_files
from shardwright_worker.artifact.manifest_consistency import contradictions
from shardwright_worker.artifact.manifest_file import damage_failure, read_manifest, summarize_problems
from shardwright_worker.contract.manifest import FileDigest, Manifest, Part
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.files.hashing import Hasher, hash_stream
from shardwright_worker.files.nofollow import open_nofollow
from shardwright_worker.files.parallel import run_parallel
from shardwright_worker.files.safetensors_header import HeaderError, TensorEntry, read_header
from shardwright_worker.files.volume_errors import volume_read_errors
from shardwright_worker.reporting.progress_output import ShowProgress

THREADS = 4  # files read at a time


class CheckResult(NamedTuple):
    """The manifest of an artifact that passed; `note` says what could not be compared."""

    manifest: Manifest
    note: str


def check_artifact(folder: Path, deep: bool, show: ShowProgress) -> CheckResult:
    """Compare an artifact with its manifest; with `deep` the digests of all files and tensors, too.

    Raises:
        WorkerFailure: ArtifactDamaged names the bad files, and the bad tensors where they are known;
            VolumeUnavailable if the volume does not answer.
    """
    manifest = read_manifest(folder)
    problems = contradictions(manifest) or wrong_files(folder, manifest)
    note = ""
    if deep and not problems:
        problems, note = _wrong_bytes(folder, manifest, show)
    if problems:
        raise damage_failure(summarize_problems(folder, problems))
    return CheckResult(manifest, note)


def _wrong_bytes(folder: Path, manifest: Manifest, show: ShowProgress) -> tuple[list[str], str]:
    xxh3 = _xxh3()

    def check(file: FileDigest | Part, count: Callable[[int], None]) -> list[str]:
        if isinstance(file, Part):
            return _wrong_part(folder, file, xxh3, count)
        return _wrong_file(folder / file.name, file.sha256, count)

    def show_total(done: int) -> None:
        show(Progress(stage=Stage.VERIFYING, bytes_done=done, bytes_total=manifest.bytes))

    files: list[FileDigest | Part] = [*manifest.metadata, *manifest.parts]
    found = run_parallel(check, files, show_total, THREADS)
    note = "" if xxh3 else "XXH3 digests of tensors were not compared: install the package xxhash for that"
    return [line for lines in found for line in lines], note


def _wrong_file(path: Path, sha256: str, count: Callable[[int], None]) -> list[str]:
    hasher = hashlib.sha256()
    with _opened(path) as file:
        hash_stream(file, [hasher], count)
    return [] if hasher.hexdigest() == sha256 else [f"{path.name} has other bytes than recorded (SHA-256 differs)"]


def _wrong_part(folder: Path, part: Part, xxh3: Callable[[], Any] | None, count: Callable[[int], None]) -> list[str]:
    """Compare the digests of a part and of its tensors, in one pass over the file."""
    path = folder / part.file
    with _header_errors(path):
        entries = sorted(read_header(path).items(), key=lambda item: item[1].begin)
    whole = hashlib.sha256()
    recorded = {tensor.name: tensor.xxh3 for tensor in part.tensors}
    bad = []
    with _opened(path) as file:
        hash_stream(file, [whole], count, limit=_data_start(entries, part.size))
        for name, entry in entries:
            tensor = xxh3() if xxh3 else None
            hashers: list[Hasher] = [whole, tensor] if tensor else [whole]
            hash_stream(file, hashers, count, limit=entry.end - entry.begin)
            if tensor and recorded.get(name) and tensor.hexdigest() != recorded[name]:
                bad.append(name)
    if bad:
        return [f"{part.file}: tensor {name} has other bytes than recorded" for name in bad]
    if part.sha256 and whole.hexdigest() != part.sha256:
        return [f"{part.file} has other bytes than recorded (SHA-256 differs)"]
    return []


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file that existed a moment ago; one that cannot be read is not damaged."""
    try:
        with open_nofollow(path) as file, volume_read_errors(path):
            yield file
    except FileNotFoundError:
        raise damage_failure(f"{path} disappeared while it was checked") from None


@contextlib.contextmanager
def _header_errors(path: Path) -> Iterator[None]:
    try:
        with volume_read_errors(path):
            yield
    except (HeaderError, OSError) as error:
        raise damage_failure(f"{path} changed while it was checked: {error}") from None


def _data_start(entries: list[tuple[str, TensorEntry]], size: int) -> int:
    return entries[0][1].begin if entries else size


def _xxh3() -> Callable[[], Any] | None:
    try:
        import xxhash
    except ImportError:
        return None
    hasher: Callable[[], Any] = xxhash.xxh3_128
    return hasher

"""Proves that an artifact is what its manifest says: sizes and headers in a moment, every byte if asked to."""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from shardwright_worker.artifact.artifact_files import wrong_files
from shardwright_worker.artifact.find import damaged, describe, read_manifest
from shardwright_worker.artifact.manifest_consistency import contradictions
from shardwright_worker.contract.manifest import Manifest, Part
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.files.safetensors_header import HeaderError, TensorEntry, read_header
from shardwright_worker.files.volume_errors import reading
from shardwright_worker.files.volume_paths import open_plain
from shardwright_worker.reporting.progress_bar import Show

_CHUNK = 4 * 1024 * 1024
_THREADS = 4


class Stopped(Exception):  # noqa: N818 - says that it was told to stop
    """The check was called off because something else failed."""


class Checked(NamedTuple):
    """An artifact that passed. `note` says what could not be looked at."""

    manifest: Manifest
    note: str


def check_artifact(folder: Path, deep: bool, show: Show) -> Checked:
    """ArtifactDamaged names the bad files, and the bad tensors where that can be known."""
    manifest = read_manifest(folder)
    problems = contradictions(manifest) or wrong_files(folder, manifest)
    note = ""
    if deep and not problems:
        problems, note = _wrong_bytes(folder, manifest, show)
    if problems:
        raise damaged(describe(folder, problems))
    return Checked(manifest, note)


def _wrong_bytes(folder: Path, manifest: Manifest, show: Show) -> tuple[list[str], str]:
    xxh3 = _xxh3()
    total, done = manifest.bytes, 0
    lock, stop = threading.Lock(), threading.Event()

    def count(size: int) -> None:
        nonlocal done
        if stop.is_set():
            raise Stopped
        with lock:
            done += size
            show(Progress(stage=Stage.VERIFYING, bytes_done=done, bytes_total=total))

    executor = ThreadPoolExecutor(_THREADS, "check")
    try:
        jobs = [executor.submit(_wrong_file, folder / file.name, file.sha256, count) for file in manifest.metadata]
        jobs += [executor.submit(_wrong_part, folder, part, xxh3, count) for part in manifest.parts]
        problems = [line for job in jobs for line in job.result()]
    finally:
        stop.set()
        executor.shutdown(wait=False, cancel_futures=True)
    note = "" if xxh3 else "XXH3 digests of tensors were not compared: install the package xxhash for that"
    return problems, note


def _wrong_file(path: Path, sha256: str, count: Callable[[int], None]) -> list[str]:
    hasher = hashlib.sha256()
    with _opened(path) as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
            count(len(chunk))
    return [] if hasher.hexdigest() == sha256 else [f"{path.name} has other bytes than recorded (SHA-256 differs)"]


def _wrong_part(folder: Path, part: Part, xxh3: Callable[[], Any] | None, count: Callable[[int], None]) -> list[str]:
    """One pass over the file for both digests."""
    path = folder / part.file
    with _header_of(path):
        entries = sorted(read_header(path).items(), key=lambda item: item[1].begin)
    whole = hashlib.sha256()
    recorded = {tensor.name: tensor.xxh3 for tensor in part.tensors}
    bad = []
    with _opened(path) as file:

        def read(length: int, *hashers: Any) -> None:
            while length:
                chunk = file.read(min(_CHUNK, length))
                if not chunk:
                    return  # shorter than it was a moment ago: the digests will tell
                for hasher in (whole, *hashers):
                    hasher.update(chunk)
                count(len(chunk))
                length -= len(chunk)

        read(_data_start(entries, part.size))
        for name, entry in entries:
            hashers = [xxh3()] if xxh3 else []
            read(entry.end - entry.begin, *hashers)
            if hashers and recorded.get(name) and hashers[0].hexdigest() != recorded[name]:
                bad.append(name)
    if bad:
        return [f"{part.file}: tensor {name} has other bytes than recorded" for name in bad]
    if part.sha256 and whole.hexdigest() != part.sha256:
        return [f"{part.file} has other bytes than recorded (SHA-256 differs)"]
    return []


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A file that was there a moment ago; what cannot be read is not damage."""
    try:
        with open_plain(path) as file, reading(path):
            yield file
    except FileNotFoundError:
        raise damaged(f"{path} is gone since it was looked at") from None


@contextlib.contextmanager
def _header_of(path: Path) -> Iterator[None]:
    try:
        with reading(path):
            yield
    except (HeaderError, OSError) as error:
        raise damaged(f"{path} changed since it was looked at: {error}") from None


def _data_start(entries: list[tuple[str, TensorEntry]], size: int) -> int:
    return entries[0][1].begin if entries else size


def _xxh3() -> Callable[[], Any] | None:
    try:
        import xxhash
    except ImportError:
        return None
    hasher: Callable[[], Any] = xxhash.xxh3_128
    return hasher

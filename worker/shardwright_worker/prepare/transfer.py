"""Fetches one file of a hub: goes on where an earlier run stopped, and checks its digest while the bytes arrive."""

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.file_modes import FILE_MODE, set_mode
from shardwright_worker.inside import look
from shardwright_worker.volume_errors import reading, volume_errors

_CHUNK = 4 * 1024 * 1024


class HubFile(NamedTuple):
    """A file as the hub states it: SHA-256 for large files, Git's blob id for the others."""

    name: str
    size: int
    sha256: str
    blob_id: str


class _Sink:
    """The file that the hub client writes into; keeps the digests of what is in it, and how much that is."""

    def __init__(self, file: BinaryIO, path: Path, expected: int, count: Callable[[int], None]) -> None:
        self._file, self._path, self._expected, self._count = file, path, expected, count
        self._start()
        with reading(path):
            while chunk := file.read(_CHUNK):
                self._take(chunk)

    def _start(self) -> None:
        self.size = 0
        self.sha256 = hashlib.sha256()
        self.git = hashlib.sha1(b"blob %d\0" % self._expected, usedforsecurity=False)

    def _take(self, chunk: bytes) -> None:
        self.sha256.update(chunk)
        self.git.update(chunk)
        self.size += len(chunk)
        self._count(self.size)

    def write(self, chunk: bytes) -> int:
        """Append."""
        with volume_errors(self._path.parent, f"write {self._path}", needed=self._expected):
            written = self._file.write(chunk)
        self._take(chunk)
        return written

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._file.tell()

    def seek(self, position: int) -> int:
        """Go back; the hub client does so only to the start, to begin anew."""
        return self._file.seek(position)

    def truncate(self) -> int:
        """Forget what follows the position."""
        size = self._file.truncate()
        self._start()
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK):
            self._take(chunk)
        return size


def fetch(url: str, headers: dict[str, str], file: HubFile, path: Path, count: Callable[[int], None]) -> FileDigest:
    """Make `path` the file at `url`. `count` is told how many of its bytes are there, as they come."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = look(path)
    there = state.st_size if state is not None and stat.S_ISREG(state.st_mode) else 0
    if there > file.size:
        path.unlink()
    digest, as_stated = _fetch_into(url, headers, file, path, count)
    if not as_stated and there:
        # What an earlier run left may be bad: once more, from the start.
        path.unlink()
        digest, as_stated = _fetch_into(url, headers, file, path, count)
    if not as_stated:
        path.unlink()
        raise WorkerFailure(
            Reason.TRANSFER_FAILED,
            f"{file.name} arrived with SHA-256 {digest.sha256}, and the hub states {file.sha256 or file.blob_id}",
        )
    return digest


def _fetch_into(
    url: str, headers: dict[str, str], file: HubFile, path: Path, count: Callable[[int], None]
) -> tuple[FileDigest, bool]:
    with volume_errors(path.parent, f"write {path}", needed=file.size):
        opened = os.fdopen(_open(path), "r+b")
    with opened:
        sink = _Sink(opened, path, file.size, count)
        if sink.size < file.size or not file.size:
            _http_get(url, headers, file, sink)
        with volume_errors(path.parent, f"write {path}", needed=file.size):
            opened.flush()
            set_mode(opened.fileno(), FILE_MODE)
            os.fsync(opened.fileno())
    digest = FileDigest(name=file.name, size=sink.size, sha256=sink.sha256.hexdigest())
    if file.sha256:
        return digest, digest.sha256 == file.sha256
    return digest, sink.size == file.size and file.blob_id in ("", sink.git.hexdigest())


def _open(path: Path) -> int:
    """A descriptor of the file, new or as an earlier run left it; a link or a pipe that somebody planted makes room."""
    state = look(path)
    if state is not None and not stat.S_ISREG(state.st_mode):
        path.unlink()
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, FILE_MODE)


def _http_get(url: str, headers: dict[str, str], file: HubFile, sink: _Sink) -> None:
    from huggingface_hub.file_download import http_get

    if not file.size:
        return
    arguments: dict[str, Any] = {"resume_size": sink.size, "headers": headers, "expected_size": file.size}
    http_get(url, cast(BinaryIO, sink), displayed_filename=file.name, **arguments)

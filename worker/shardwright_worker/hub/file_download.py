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
from shardwright_worker.files.file_modes import FILE_MODE, set_mode
from shardwright_worker.files.regular_file import open_regular
from shardwright_worker.files.volume_errors import reading, volume_errors
from shardwright_worker.files.volume_paths import look

_CHUNK = 4 * 1024 * 1024


UNKNOWN = -1  # a size that the hub does not state


class HubFile(NamedTuple):
    """A file as the hub states it: SHA-256 for large files, Git's blob id for the others. Mirrors may leave out all.

    An ETag is a hint: it may name the content in some way, or be anything that changes as it likes.
    """

    name: str
    size: int
    sha256: str
    blob_id: str
    etag: str = ""

    def size_or(self, other: int) -> int:
        """The size, or another number if the hub states none."""
        return other if self.size == UNKNOWN else self.size


class _Sink:
    """The file that the hub client writes into; keeps the digest of what is in it, and how much that is.

    More than `most` bytes are refused: a hub that states a wrong size must not fill the volume.
    """

    def __init__(self, file: BinaryIO, path: Path, most: int, count: Callable[[int], None]) -> None:
        self._file, self._path, self._most, self._count = file, path, most, count
        self._start()
        with reading(path):
            while chunk := file.read(_CHUNK):
                self._take(chunk)

    def _start(self) -> None:
        self.size = 0
        self.sha256 = hashlib.sha256()

    def _take(self, chunk: bytes) -> None:
        self.sha256.update(chunk)
        self.size += len(chunk)
        self._count(self.size)

    def write(self, chunk: bytes) -> int:
        """Append."""
        if self.size + len(chunk) > self._most:
            raise WorkerFailure(
                Reason.TRANSFER_FAILED,
                f"{self._path.name} is larger than the {self._most} bytes that the hub states for it",
            )
        with volume_errors(self._path.parent, f"write {self._path}", needed=self._most):
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


def fetch(
    url: str, headers: dict[str, str], file: HubFile, folder: Path, most: int, count: Callable[[int], None]
) -> FileDigest:
    """Make the file in `folder` what is at `url`. `count` is told how many of its bytes are there, as they come.

    `most`: bytes that a file of unknown size may have.
    """
    path = folder / file.name
    _clear_way(folder, path)
    state = look(path)
    there = state.st_size if state is not None and stat.S_ISREG(state.st_mode) else 0
    if there and (there > file.size or file.size == UNKNOWN):
        path.unlink()  # without a stated size nobody can tell how much of it is missing
        there = 0
    digest = _fetch_into(url, headers, file, path, most, count)
    if there and not (as_stated(path, digest, file) and _as_hinted(path, digest, file)):
        # What an earlier run left may be bad: once more, from the start.
        path.unlink()
        digest = _fetch_into(url, headers, file, path, most, count)
    if not as_stated(path, digest, file):
        path.unlink()
        raise WorkerFailure(
            Reason.TRANSFER_FAILED,
            f"{file.name} arrived with SHA-256 {digest.sha256}, and the hub states {file.sha256 or file.blob_id}",
        )
    return digest


def as_stated(path: Path, digest: FileDigest, file: HubFile, before: FileDigest | None = None) -> bool:
    """Whether a file is what the hub states, or what it was `before` if the hub states nothing of its content."""
    if file.size not in (digest.size, UNKNOWN):
        return False
    if file.sha256:
        return digest.sha256 == file.sha256
    if file.blob_id:
        return file.blob_id in (_pointer_id(digest), _blob_id(path, digest.size))
    return before is None or before.sha256 == digest.sha256


def _as_hinted(path: Path, digest: FileDigest, file: HubFile) -> bool:
    """Whether nothing speaks for other content: repository managers answer with the SHA-1 of the content as ETag."""
    return file.etag in ("", _pointer_id(digest)) or file.etag in (_blob_id(path, digest.size), _sha1(path))


def _blob_id(path: Path, size: int) -> str:
    """Git's name for the content."""
    return _sha1(path, b"blob %d\0" % size)


def _sha1(path: Path, begun: bytes = b"") -> str:
    hasher = hashlib.sha1(begun, usedforsecurity=False)
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest()


def _pointer_id(digest: FileDigest) -> str:
    """Git's name for the pointer that stands for the content in Git LFS, which some mirrors state in its place.

    https://github.com/git-lfs/git-lfs/blob/v3.5.1/docs/spec.md
    """
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest.sha256}\nsize {digest.size}\n".encode()
    return hashlib.sha1(b"blob %d\0" % len(text) + text, usedforsecurity=False).hexdigest()


def _clear_way(folder: Path, path: Path) -> None:
    """Make the folders down to the file. A link that somebody planted would lead the bytes elsewhere: it is removed."""
    for each in reversed([path, *path.parents[: len(path.parts) - len(folder.parts) - 1]]):
        if each.is_symlink() or (each.exists() and not (each.is_file() if each == path else each.is_dir())):
            if each.is_dir() and not each.is_symlink():
                raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{path.name} is a file and a folder in this repository")
            each.unlink()
        if each != path:
            each.mkdir(exist_ok=True)


def _fetch_into(
    url: str, headers: dict[str, str], file: HubFile, path: Path, most: int, count: Callable[[int], None]
) -> FileDigest:
    needed = file.size_or(0)
    with volume_errors(path.parent, f"write {path}", needed=needed):
        opened = os.fdopen(_open(path), "r+b")
    with opened:
        sink = _Sink(opened, path, file.size_or(most), count)
        if file.size == UNKNOWN or sink.size < file.size:
            _http_get(url, headers, file, sink)
        with volume_errors(path.parent, f"write {path}", needed=needed):
            opened.flush()
            set_mode(opened.fileno(), FILE_MODE)
            os.fsync(opened.fileno())
    return FileDigest(name=file.name, size=sink.size, sha256=sink.sha256.hexdigest())


def _open(path: Path) -> int:
    """A descriptor of the file, new or as an earlier run left it; a link or a pipe that somebody planted makes room."""
    state = look(path)
    if state is not None and not stat.S_ISREG(state.st_mode):
        path.unlink()
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, FILE_MODE)


def _http_get(url: str, headers: dict[str, str], file: HubFile, sink: _Sink) -> None:
    from huggingface_hub import constants
    from huggingface_hub.file_download import http_get

    # The client refuses sizes above its limit, even from mirrors that have none.
    known = 0 < file.size <= constants.MAX_HTTP_DOWNLOAD_SIZE
    arguments: dict[str, Any] = {"resume_size": sink.size, "headers": headers}
    arguments["expected_size"] = file.size if known else None
    http_get(url, cast(BinaryIO, sink), displayed_filename=file.name, **arguments)

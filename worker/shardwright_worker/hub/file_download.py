"""Downloads one file of a repository: resumes a partial one, and computes its digest while the bytes arrive."""

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.file_modes import FILE_MODE, set_mode
from shardwright_worker.files.hashing import hash_stream
from shardwright_worker.files.nofollow import lstat_if_exists
from shardwright_worker.files.volume_errors import volume_errors, volume_read_errors
from shardwright_worker.hub.hub_file import UNKNOWN_SIZE, HubFile, matches_etag, matches_hub


class _HashingWriter:
    """The file object that the Hub client writes to; knows size and SHA-256 of what the file holds.

    It rejects more than `limit` bytes: a Hub that states a wrong size must not fill the volume. `count` receives the
    bytes added, negative when the client starts from scratch.
    """

    def __init__(self, file: BinaryIO, path: Path, limit: int, count: Callable[[int], None]) -> None:
        self._file, self._path, self._limit, self._count = file, path, limit, count
        self.size = 0
        self.sha256 = hashlib.sha256()
        with volume_read_errors(path):
            self._hash_rest()

    def write(self, chunk: bytes) -> int:
        """Append."""
        if self.size + len(chunk) > self._limit:
            raise WorkerFailure(
                Reason.TRANSFER_FAILED,
                f"{self._path.name} is larger than the {self._limit} bytes that the Hub states for it",
            )
        with volume_errors(self._path.parent, f"write {self._path}", needed=self._limit):
            written = self._file.write(chunk)
        self.sha256.update(chunk)
        self._add(len(chunk))
        return written

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._file.tell()

    def seek(self, position: int) -> int:
        """Set the position; the Hub client does so only with 0, before it truncates."""
        return self._file.seek(position)

    def truncate(self) -> int:
        """Drop what follows the position, and hash the rest again."""
        size = self._file.truncate()
        self._add(-self.size)
        self.sha256 = hashlib.sha256()
        self._file.seek(0)
        self._hash_rest()
        return size

    def _hash_rest(self) -> None:
        hash_stream(self._file, [self.sha256], self._add)

    def _add(self, count: int) -> None:
        self.size += count
        self._count(count)


def download_file(
    url: str, headers: dict[str, str], file: HubFile, folder: Path, limit: int, count: Callable[[int], None]
) -> FileDigest:
    """Download a file into `folder`, or complete what an earlier run left of it, and return its digest.

    `limit` is the maximum number of bytes of a file of unknown size. `count` receives the bytes added, those of an
    earlier run included; they are negative where a download starts from scratch.

    Raises:
        WorkerFailure: TransferFailed if the content is not what the Hub states; a reason of the volume.
        Exception: what the Hub client raises.
    """
    path = folder / file.name
    _clear_path(folder, path)
    state = lstat_if_exists(path)
    present = state.st_size if state is not None and stat.S_ISREG(state.st_mode) else 0
    if present and (present > file.size or file.size == UNKNOWN_SIZE):
        path.unlink()  # without a stated size it is not known how much of the file is missing
        present = 0
    digest = _download_to(url, headers, file, path, limit, count)
    if present and not (matches_hub(path, digest, file) and matches_etag(path, digest, file)):
        # The bytes of the earlier run may be bad: download again, from the start.
        path.unlink()
        count(-digest.size)
        digest = _download_to(url, headers, file, path, limit, count)
    if not matches_hub(path, digest, file):
        path.unlink()
        raise WorkerFailure(
            Reason.TRANSFER_FAILED,
            f"{file.name} arrived with SHA-256 {digest.sha256}, and the Hub states {file.sha256 or file.blob_id}",
        )
    return digest


def _clear_path(folder: Path, path: Path) -> None:
    """Create the folders down to the file, and remove links on the way, which would redirect the bytes."""
    for each in reversed([path, *path.parents[: len(path.parts) - len(folder.parts) - 1]]):
        if each.is_symlink() or (each.exists() and not (each.is_file() if each == path else each.is_dir())):
            if each.is_dir() and not each.is_symlink():
                raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{path.name} is a file and a folder in this repository")
            each.unlink()
        if each != path:
            each.mkdir(exist_ok=True)


def _download_to(
    url: str, headers: dict[str, str], file: HubFile, path: Path, limit: int, count: Callable[[int], None]
) -> FileDigest:
    needed = file.size_or(0)
    with volume_errors(path.parent, f"write {path}", needed=needed):
        opened = os.fdopen(_open(path), "r+b")
    with opened:
        writer = _HashingWriter(opened, path, file.size_or(limit), count)
        if file.size == UNKNOWN_SIZE or writer.size < file.size:
            _http_get(url, headers, file, writer)
        with volume_errors(path.parent, f"write {path}", needed=needed):
            opened.flush()
            set_mode(opened.fileno(), FILE_MODE)
            os.fsync(opened.fileno())
    return FileDigest(name=file.name, size=writer.size, sha256=writer.sha256.hexdigest())


def _open(path: Path) -> int:
    """Return a descriptor of the file, new or partial; a link or a pipe of that name is removed."""
    state = lstat_if_exists(path)
    if state is not None and not stat.S_ISREG(state.st_mode):
        path.unlink()
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, FILE_MODE)


def _http_get(url: str, headers: dict[str, str], file: HubFile, writer: _HashingWriter) -> None:
    """Let the Hub client download the rest of a file; it resumes broken connections on its own.

    https://github.com/huggingface/huggingface_hub/blob/v2.4.0/src/huggingface_hub/file_download.py#L334
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import http_get

    # The client rejects sizes above its limit of 50 GB, which is the Hub's own; mirrors have other limits.
    known = 0 < file.size <= constants.MAX_HTTP_DOWNLOAD_SIZE
    arguments: dict[str, Any] = {"resume_size": writer.size, "headers": headers}
    arguments["expected_size"] = file.size if known else None
    http_get(url, cast(BinaryIO, writer), displayed_filename=file.name, **arguments)

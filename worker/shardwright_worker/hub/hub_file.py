"""One file of a repository as the Hub describes it, and the comparison of a downloaded file with that."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.files.hashing import hash_stream
from shardwright_worker.files.regular_file import open_regular

UNKNOWN_SIZE = -1  # the size of a file for which the Hub states none


class HubFile(NamedTuple):
    """Name, size in bytes and digests of a file: SHA-256 for files in LFS, Git's blob id for the others.

    Mirrors may omit each of them. An ETag is only a hint: it may name the content, or be an arbitrary string.
    """

    name: str
    size: int
    sha256: str
    blob_id: str
    etag: str = ""

    def size_or(self, default: int) -> int:
        """Return the size, or `default` if the Hub states none."""
        return default if self.size == UNKNOWN_SIZE else self.size


def matches_hub(path: Path, digest: FileDigest, file: HubFile, before: FileDigest | None = None) -> bool:
    """Return whether a file has the size and content that the Hub states.

    Where the Hub states nothing about the content, it must be what it was `before`, if that is known.
    """
    if file.size not in (digest.size, UNKNOWN_SIZE):
        return False
    if file.sha256:
        return digest.sha256 == file.sha256
    if file.blob_id:
        return file.blob_id in (_pointer_id(digest), _blob_id(path, digest.size))
    return before is None or before.sha256 == digest.sha256


def matches_etag(path: Path, digest: FileDigest, file: HubFile) -> bool:
    """Return whether the ETag is empty or one of the known names of this content.

    Repository managers such as Artifactory and Nexus use the SHA-1 of the content.
    """
    return file.etag in ("", _pointer_id(digest)) or file.etag in (_blob_id(path, digest.size), _sha1(path))


def _blob_id(path: Path, size: int) -> str:
    """Return Git's name for the content: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects."""
    return _sha1(path, b"blob %d\0" % size)


def _sha1(path: Path, prefix: bytes = b"") -> str:
    hasher = hashlib.sha1(prefix, usedforsecurity=False)
    with open_regular(path) as file:
        hash_stream(file, [hasher])
    return hasher.hexdigest()


def _pointer_id(digest: FileDigest) -> str:
    """Return Git's name for the LFS pointer of the content, which some mirrors state instead of the SHA-256.

    https://github.com/git-lfs/git-lfs/blob/v3.5.1/docs/spec.md#the-pointer
    """
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest.sha256}\nsize {digest.size}\n".encode()
    return hashlib.sha1(b"blob %d\0" % len(text) + text, usedforsecurity=False).hexdigest()

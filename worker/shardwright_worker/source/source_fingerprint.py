"""The fingerprint of a source folder: cheap to compute, and different as soon as a file of the source was touched."""

from shardwright_worker.contract.naming import digest_of
from shardwright_worker.source.listing import Listing


def fingerprint(listing: Listing) -> str:
    """Return the SHA-256 in hex over name, size, mtime and ctime of the source's files.

    An equal fingerprint means equal bytes. A different one need not mean other bytes: the kubelet changes the group of
    every file, and so its ctime, when it applies an fsGroup.
    https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
    """
    return _digest([[file.name, file.size, file.mtime_ns, file.ctime_ns] for file in listing.files])


def content_fingerprint(listing: Listing) -> str:
    """Return the same without ctime, which changes with owner and mode."""
    return _digest([[file.name, file.size, file.mtime_ns] for file in listing.files])


def _digest(rows: list[list[object]]) -> str:
    return digest_of(sorted(rows, key=lambda row: str(row[0])))

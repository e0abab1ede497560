"""The fingerprint of a source folder: cheap to take, and different as soon as any file that counts was touched."""

import hashlib
import json

from shardwright_worker.source.listing import Listing


def fingerprint(listing: Listing) -> str:
    """SHA-256 over name, size, mtime and ctime of the files that count. The same one means the same bytes.

    Another one may still be the same bytes: Kubernetes touches the files of a volume when it applies an fsGroup.
    """
    return _sum([[file.name, file.size, file.mtime_ns, file.ctime_ns] for file in listing.files])


def content_times(listing: Listing) -> str:
    """The same without ctime, which changes with owner and mode too."""
    return _sum([[file.name, file.size, file.mtime_ns] for file in listing.files])


def _sum(rows: list[list[object]]) -> str:
    text = json.dumps(sorted(rows, key=lambda row: str(row[0])), separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

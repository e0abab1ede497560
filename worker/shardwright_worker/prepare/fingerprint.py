"""Tells cheaply whether a source is still the one that was looked at: by names, sizes and times, without reading it."""

from shardwright_worker.contract.naming import digest_of
from shardwright_worker.prepare.listing import Listing


def fingerprint(listing: Listing) -> str:
    """SHA-256 in hex over name, size, mtime_ns and ctime_ns of every file that counts. Raises OSError."""
    states = ((file.name, (listing.folder / file.name).stat()) for file in listing.files)
    stamps = [[name, state.st_size, state.st_mtime_ns, state.st_ctime_ns] for name, state in states]
    return digest_of(sorted(stamps))

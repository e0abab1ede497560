"""Finds a source folder's digest: by reading it, or by its fingerprint if nobody touched it since it was read."""

from collections.abc import Mapping
from typing import NamedTuple

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.reporting.progress_bar import Show
from shardwright_worker.source.file_digests import digest_files, source_digest
from shardwright_worker.source.listing import Listing, list_source
from shardwright_worker.source.shipped_digests import check_shipped_digests
from shardwright_worker.source.source_fingerprint import content_times, fingerprint


class Known(NamedTuple):
    """What an earlier run found out of a folder: its digest, and the fingerprint that it had then."""

    digest: str = ""
    fingerprint: str = ""


class Read(NamedTuple):
    """What a folder's digest and fingerprint are. `files` is None if it was not read."""

    digest: str
    fingerprint: str
    files: list[FileDigest] | None


def read_source(listing: Listing, extra_args: Mapping[str, str], show: Show, known: Known) -> Read:
    """The source's digest. SourceChanged if the folder is another one after it was read than before."""
    before = fingerprint(listing)
    if known.digest and known.fingerprint == before:
        return Read(known.digest, before, None)
    files = digest_files(listing.folder, listing.files, show)
    after = list_source(listing.folder, extra_args)
    if content_times(after) != content_times(listing):
        raise _changed(listing, after)
    if fingerprint(after) != before:
        # Perhaps only the owner or the mode of a file is new, as when a pod with an fsGroup starts: reading tells.
        again = digest_files(listing.folder, after.files, show)
        if again != files or fingerprint(list_source(listing.folder, extra_args)) != fingerprint(after):
            raise _changed(listing, after)
    check_shipped_digests(listing, files)
    return Read(source_digest(files), fingerprint(after), files)


def _changed(before: Listing, after: Listing) -> WorkerFailure:
    changed = {*before.files} ^ {*after.files}
    what = min(file.name for file in changed) if changed else "a file"
    return WorkerFailure(Reason.SOURCE_CHANGED, f"{before.folder} changed while it was read: {what} is not as it was")

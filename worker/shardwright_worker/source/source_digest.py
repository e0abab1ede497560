"""Computes a source folder's digest, or takes a known one if the folder's fingerprint has not changed."""

from collections.abc import Mapping
from typing import NamedTuple

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.reporting.progress_output import ShowProgress
from shardwright_worker.source.file_digests import digest_files, source_digest
from shardwright_worker.source.listing import Listing, list_source
from shardwright_worker.source.shipped_digests import check_shipped_digests
from shardwright_worker.source.source_fingerprint import content_fingerprint, fingerprint


class KnownSource(NamedTuple):
    """The digest of a folder by an earlier run, and the fingerprint that the folder had then."""

    digest: str = ""
    fingerprint: str = ""


class SourceDigest(NamedTuple):
    """A folder's digest and fingerprint. `files` is None if its files were not read."""

    digest: str
    fingerprint: str
    files: list[FileDigest] | None


def compute_source_digest(
    listing: Listing, extra_args: Mapping[str, str], show: ShowProgress, known: KnownSource
) -> SourceDigest:
    """Return the source's digest, reading its files unless the known one still applies.

    Raises:
        WorkerFailure: SourceChanged if the folder changed meanwhile; SourceCorrupt if a shipped digest differs.
    """
    before = fingerprint(listing)
    if known.digest and known.fingerprint == before:
        return SourceDigest(known.digest, before, None)
    files = digest_files(listing.folder, listing.files, show)
    after = list_source(listing.folder, extra_args)
    if content_fingerprint(after) != content_fingerprint(listing):
        raise _changed(listing, after)
    if fingerprint(after) != before:
        # Perhaps only owner or mode changed, as when a pod with an fsGroup starts: reading again decides.
        again = digest_files(listing.folder, after.files, show)
        if again != files or fingerprint(list_source(listing.folder, extra_args)) != fingerprint(after):
            raise _changed(listing, after)
    check_shipped_digests(listing, files)
    return SourceDigest(source_digest(files), fingerprint(after), files)


def _changed(before: Listing, after: Listing) -> WorkerFailure:
    changed = {*before.files} ^ {*after.files}
    name = min(file.name for file in changed) if changed else "a file"
    return WorkerFailure(Reason.SOURCE_CHANGED, f"{before.folder} changed while it was read: {name} is not as it was")

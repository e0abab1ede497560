"""Checks that the source is the requested one, before it is loaded and until the artifact is published."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import abbreviate
from shardwright_worker.engine.classify import classify
from shardwright_worker.engine.io_errors import Folders
from shardwright_worker.reporting.progress_output import ShowProgress
from shardwright_worker.shard.shard_request import ShardRequest
from shardwright_worker.source.file_digests import digest_files, source_digest
from shardwright_worker.source.listing import Listing, list_source
from shardwright_worker.source.selection import affects_artifact
from shardwright_worker.source.source_fingerprint import fingerprint

Stamp = tuple[str, int, int, int]  # name, size, mtime_ns, ctime_ns
_NAMED = 5  # files that a message names
# Reasons that a source has while it is changed; a volume that does not answer is another matter.
_CHANGED = (Reason.SOURCE_NOT_FOUND, Reason.SOURCE_INCOMPLETE, Reason.SOURCE_CORRUPT, Reason.UNSUPPORTED_MODEL)


class SourceGuard:
    """The source as it was before loading, with the requested digest."""

    def __init__(self, request: ShardRequest, show: ShowProgress) -> None:
        """Compare the source with the request. Every byte is read again unless the fingerprint is the one of prepare.

        Raises:
            WorkerFailure: SourceChanged.
        """
        self._request, self._show = request, show
        self.listing = _list(request)
        self._stamps = _stamps(self.listing)
        if _fingerprint(self.listing) != request.source_fingerprint:
            self._read_again(self._stamps, "while its digests were computed")

    def check(self, when: str) -> None:
        """Compare the source with what it was; `when` ends the sentence "the source changed".

        If only owner or mode seem to have changed, as when another pod mounts the volume with an fsGroup, the bytes
        decide: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/

        Raises:
            WorkerFailure: SourceChanged that names what changed.
        """
        now = self._current(when)
        if names := _differing(self._stamps, now, _content):
            raise _changed(f"the source changed {when}: {abbreviate(names, _NAMED)}")
        if names := _differing(self._stamps, now, _all):
            try:
                self._read_again(now, when)
            except WorkerFailure as failure:
                if failure.reason is Reason.SOURCE_CHANGED:
                    raise _changed(f"the source changed {when}: {abbreviate(names, _NAMED)}") from failure
                raise
            self._stamps = now

    def _read_again(self, stamps: list[Stamp], when: str) -> None:
        """Read the files that have these stamps, and refuse them if they have other stamps afterwards."""
        _compare_digests(self._request, self.listing, self._show)
        if names := _differing(stamps, self._current(when), _all):
            raise _changed(f"the source changed {when}: {abbreviate(names, _NAMED)}")

    def _current(self, when: str) -> list[Stamp]:
        try:
            return _stamps(_list(self._request))
        except WorkerFailure as failure:
            if failure.reason in _CHANGED:
                raise _changed(f"the source changed {when}: {failure.message}") from failure
            raise

    def failure_of_load(self, failure: WorkerFailure) -> WorkerFailure:
        """Return the failure of a load; SourceChanged if the source is no longer what it was when the load began."""
        try:
            self.check("while it was loaded")
        except WorkerFailure as changed:
            if changed.reason is Reason.SOURCE_CHANGED:
                return _changed(f"{changed.message} (the load reported: {failure.message})")
        return failure


def _list(request: ShardRequest) -> Listing:
    return list_source(request.source, request.settings.extra_args)


def _stamps(listing: Listing) -> list[Stamp]:
    return sorted((file.name, file.size, file.mtime_ns, file.ctime_ns) for file in listing.files)


def _fingerprint(listing: Listing) -> str:
    with _reading(listing.folder):
        return fingerprint(listing)


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise classify(error, Reason.SOURCE_CORRUPT, Folders(source=folder)) from error


def _compare_digests(request: ShardRequest, listing: Listing, show: ShowProgress) -> None:
    """Read every file and compare it. The digest of a Hub's source is over what the Hub reported, not over files."""
    found = digest_files(listing.folder, listing.files, show)
    if source_digest(found) == request.source_digest:
        return
    recorded = {file.name: file for file in request.source_files if affects_artifact(file.name)}
    if not recorded:
        message = f"the source has digest {source_digest(found)}, but {request.source_digest} was requested"
        raise _changed(f"{message}: it changed after prepare had read it")
    names = _wrong(recorded, found, listing)
    if names or source_digest(request.source_files) == request.source_digest:
        what = abbreviate(names, _NAMED) if names else "a file is missing"
        raise _changed(f"the source changed after prepare had read it: {what}")


def _wrong(recorded: dict[str, FileDigest], found: Sequence[FileDigest], listing: Listing) -> list[str]:
    """Return the files that are new, different or missing. A file that was only requested by name is not listed."""
    found_by_name = {file.name: file for file in found if affects_artifact(file.name)}
    names = {name for name, file in found_by_name.items() if recorded.get(name) != file}
    names |= {name for name in recorded.keys() - found_by_name.keys() if name not in listing.all_names}
    return sorted(names)


def _differing(before: Sequence[Stamp], now: Sequence[Stamp], of: Callable[[Stamp], Stamp]) -> list[str]:
    return sorted({stamp[0] for stamp in {of(one) for one in before} ^ {of(one) for one in now}})


def _content(stamp: Stamp) -> Stamp:
    """Leave out the ctime, which changes with owner and mode."""
    name, size, changed, _ = stamp
    return name, size, changed, 0


def _all(stamp: Stamp) -> Stamp:
    return stamp


def _changed(message: str) -> WorkerFailure:
    return WorkerFailure(Reason.SOURCE_CHANGED, f"{message}; nothing was published")

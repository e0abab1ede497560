"""Sees to it that the source is the one that was asked for, before it is loaded and until it is published."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.progress_line import Progress
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.classify import classify
from shardwright_worker.engine.io_errors import Sides
from shardwright_worker.shard.shard_request import ShardRequest
from shardwright_worker.source.file_digests import digest_files, source_digest
from shardwright_worker.source.listing import Listing, list_source
from shardwright_worker.source.selection import affects_artifact
from shardwright_worker.source.source_fingerprint import fingerprint

Stamp = tuple[str, int, int, int]  # name, size, mtime_ns, ctime_ns
_NAMED = 5  # files that a message names
# What a source that somebody works on looks like; a volume that does not answer is another matter.
_CHANGED = (Reason.SOURCE_NOT_FOUND, Reason.SOURCE_INCOMPLETE, Reason.SOURCE_CORRUPT, Reason.UNSUPPORTED_MODEL)


class SourceGuard:
    """The source as it was before loading. Made only if it has the digest that was asked for."""

    def __init__(self, request: ShardRequest, show: Callable[[Progress], None]) -> None:
        """Raises SourceChanged. Without the fingerprint that prepare saw, every byte is read again."""
        self._request, self._show = request, show
        self.listing = _list(request)
        self._stamps = _stamps(self.listing)
        if _fingerprint(self.listing) != request.source_fingerprint:
            self._read_again(self._stamps, "while its digests were computed")

    def check(self, when: str) -> None:
        """Raises SourceChanged, naming what changed, unless the source is as it was.

        Where owner or mode alone seem to have changed, as when another pod mounts the volume with an fsGroup, the bytes
        decide.
        """
        now = self._look(when)
        if names := _differing(self._stamps, now, _content):
            raise _changed(f"the source changed {when}: {_some(names)}")
        if names := _differing(self._stamps, now, _all):
            try:
                self._read_again(now, when)
            except WorkerFailure as failure:
                if failure.reason is Reason.SOURCE_CHANGED:
                    raise _changed(f"the source changed {when}: {_some(names)}") from failure
                raise
            self._stamps = now

    def _read_again(self, stamps: list[Stamp], when: str) -> None:
        """Read what has these stamps, and has them still afterwards."""
        _compare_digests(self._request, self.listing, self._show)
        if names := _differing(stamps, self._look(when), _all):
            raise _changed(f"the source changed {when}: {_some(names)}")

    def _look(self, when: str) -> list[Stamp]:
        try:
            return _stamps(_list(self._request))
        except WorkerFailure as failure:
            if failure.reason in _CHANGED:
                raise _changed(f"the source changed {when}: {failure.message}") from failure
            raise

    def blame(self, failure: WorkerFailure) -> WorkerFailure:
        """The failure of a load; SourceChanged if the source is no longer what it was when the load began."""
        try:
            self.check("while it was loaded")
        except WorkerFailure as changed:
            if changed.reason is Reason.SOURCE_CHANGED:
                return _changed(f"{changed.message} (loading said: {failure.message})")
        return failure


def _list(request: ShardRequest) -> Listing:
    return list_source(request.source, request.settings.extra_args)


def _stamps(listing: Listing) -> list[Stamp]:
    return sorted((file.name, file.size, file.mtime_ns, file.ctime_ns) for file in listing.files)


def _fingerprint(listing: Listing) -> str:
    with _looking_at(listing.folder):
        return fingerprint(listing)


@contextlib.contextmanager
def _looking_at(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise classify(error, Reason.SOURCE_CORRUPT, Sides(source=folder)) from error


def _compare_digests(request: ShardRequest, listing: Listing, show: Callable[[Progress], None]) -> None:
    """Read everything. A hub's source has a digest of what the hub said, so its files are compared one by one."""
    found = digest_files(listing.folder, listing.files, show)
    if source_digest(found) == request.source_digest:
        return
    recorded = {file.name: file for file in request.source_files if affects_artifact(file.name)}
    if not recorded:
        message = f"the source has digest {source_digest(found)}, and {request.source_digest} was asked for"
        raise _changed(f"{message}: it changed after it was looked at")
    names = _wrong(recorded, found, listing)
    if names or source_digest(request.source_files) == request.source_digest:
        raise _changed(f"the source changed after it was looked at: {_some(names) if names else 'a file is gone'}")


def _wrong(recorded: dict[str, FileDigest], found: Sequence[FileDigest], listing: Listing) -> list[str]:
    """Files that are new, other or gone. What counts only because it was asked for by name is not in the listing."""
    there = {file.name: file for file in found if affects_artifact(file.name)}
    names = {name for name, file in there.items() if recorded.get(name) != file}
    names |= {name for name in recorded.keys() - there.keys() if name not in listing.all_names}
    return sorted(names)


def _differing(before: Sequence[Stamp], now: Sequence[Stamp], of: Callable[[Stamp], Stamp]) -> list[str]:
    return sorted({stamp[0] for stamp in {of(one) for one in before} ^ {of(one) for one in now}})


def _content(stamp: Stamp) -> Stamp:
    """Without the time that owner and mode change, too."""
    name, size, changed, _ = stamp
    return name, size, changed, 0


def _all(stamp: Stamp) -> Stamp:
    return stamp


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _changed(message: str) -> WorkerFailure:
    return WorkerFailure(Reason.SOURCE_CHANGED, f"{message}; nothing was published")

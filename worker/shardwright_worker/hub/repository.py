"""Resolves a repository of the Hub: the commit of its revision, and the files to download with their digests."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import SOURCES_FOLDER, digest_of
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.hub.hub_errors import hub_errors
from shardwright_worker.hub.hub_file import UNKNOWN_SIZE, HubFile
from shardwright_worker.hub.hub_listing import complete_from_head, is_commit_hash, list_repository
from shardwright_worker.hub.hub_request import HubRequest
from shardwright_worker.hub.retry_after import retry_short_waits
from shardwright_worker.source.selection import select_downloads, select_weights

_MAX_HEAD_REQUESTS = 500  # files for which a mirror is asked one by one


@dataclass(frozen=True)
class HubSource:
    """A repository at one commit, and the files that are selected from it."""

    request: HubRequest
    commit: str
    files: list[HubFile]

    @property
    def digest(self) -> str:
        """SHA-256 in hex that names the source: over the repository, the commit and the stated content of its files."""
        stated = [[file.name, file.size, file.sha256 or file.blob_id] for file in self.files]
        return digest_of({"repo": self.request.repo, "commit": self.commit, "files": stated})

    @property
    def bytes(self) -> int:
        """Size of all files, those of unknown size not counted."""
        return sum(file.size_or(0) for file in self.files)

    def weights(self, extra_args: Mapping[str, str]) -> list[HubFile]:
        """Return the files that hold weights."""
        names = [file.name for file in self.files if "/" not in file.name]
        selected = {*select_weights(names, extra_args)}
        return [file for file in self.files if file.name in selected]

    def folder(self, volume_root: Path) -> Path:
        """Return the folder that the source is downloaded to."""
        return volume_root / SOURCES_FOLDER / self.digest


def configure_client_logging() -> None:
    """Send the Hub client's log records to this process's handlers, which redact secrets, and disable its bars."""
    from huggingface_hub.utils import disable_progress_bars
    from huggingface_hub.utils.logging import get_logger  # this import adds a handler, which is removed below

    disable_progress_bars()
    logger = get_logger()
    logger.handlers.clear()
    logger.propagate = True


def resolve_repository(request: HubRequest, extra_args: dict[str, str]) -> HubSource:
    """Return the commit of the revision and the files to download.

    Raises:
        WorkerFailure: a reason of the Hub or the network; SourceIncomplete if no file is selected.
    """
    return retry_short_waits(lambda: _resolve(request, extra_args))


def _resolve(request: HubRequest, extra_args: dict[str, str]) -> HubSource:
    with hub_errors(request.repo, request.revision, request.address, bool(request.token)):
        listing = list_repository(request)
        sizes = {file.name: file.size for file in listing.files.values()}
        names = select_downloads(listing.files, request.include, request.exclude, extra_args, sizes)
        _reject_unusable_names(request, names)
        files = [listing.files[name] for name in names]
        incomplete = [file for file in files if file.size == UNKNOWN_SIZE or not (file.sha256 or file.blob_id)]
        completed = {
            file.name: complete_from_head(request, listing.commit, file) for file in incomplete[:_MAX_HEAD_REQUESTS]
        }
    if not files:
        raise WorkerFailure(
            Reason.SOURCE_INCOMPLETE, f"{request.repo} has no file that is selected: check include and exclude"
        )
    files = [completed.get(file.name, file) for file in files]
    _reject_mutable_revision(request, listing.commit, files)
    return HubSource(request, listing.commit, files)


def _reject_unusable_names(request: HubRequest, names: list[str]) -> None:
    for name in names:
        if not name.isprintable():
            raise WorkerFailure(
                Reason.SOURCE_CORRUPT,
                f"{request.repo} has a file name with control characters, {name[:200]!r}: rename it, or exclude it",
            )
    folders = {parent.as_posix(): name for name in names for parent in PurePosixPath(name).parents}
    for name in names:
        if name in folders:
            raise WorkerFailure(
                Reason.SOURCE_CORRUPT,
                f"{request.repo} has a file {name} and, with {folders[name]}, a folder of that name: exclude one",
            )


def _reject_mutable_revision(request: HubRequest, commit: str, files: list[HubFile]) -> None:
    """Reject a name that can move, such as a branch, if a file has no digest: a change would go unnoticed forever."""
    without_digest = [file.name for file in files if not (file.sha256 or file.blob_id)]
    if without_digest and not is_commit_hash(commit):
        raise WorkerFailure(
            Reason.REVISION_NOT_FOUND,
            f"{request.address} calls {request.revision or 'main'!r} of {request.repo} {commit!r}, which is not a "
            f"commit, and states no digest of {without_digest[0]}, so that a change would go unnoticed; set revision "
            "to a commit, or use another endpoint",
        )

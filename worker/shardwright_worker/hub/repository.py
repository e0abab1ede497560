"""A repository of a hub: which commit is meant, which of its files are wanted, and what the hub states of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import SOURCES_FOLDER, digest_of
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.hub.file_download import UNKNOWN, HubFile
from shardwright_worker.hub.hub_errors import hub_failures
from shardwright_worker.hub.hub_listing import describe, is_hash, with_head
from shardwright_worker.hub.hub_request import DEFAULT_ENDPOINT, HubRequest
from shardwright_worker.hub.rate_limits import patiently
from shardwright_worker.source.selection import chosen, weights_read

__all__ = ["DEFAULT_ENDPOINT", "HubRequest", "HubSource", "quiet_client", "resolve"]

_MOST_HEADS = 500  # files that a mirror is asked for one by one


@dataclass(frozen=True)
class HubSource:
    """A repository at one commit, with the files that are wanted of it."""

    request: HubRequest
    commit: str
    files: list[HubFile]

    @property
    def digest(self) -> str:
        """Names the source: repository, commit and the stated content of its files."""
        stated = [[file.name, file.size, file.sha256 or file.blob_id] for file in self.files]
        return digest_of({"repo": self.request.repo, "commit": self.commit, "files": stated})

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.size_or(0) for file in self.files)

    def weights(self, extra_args: Mapping[str, str]) -> list[HubFile]:
        """The files that hold weights."""
        names = [file.name for file in self.files if "/" not in file.name]
        held = {*weights_read(names, extra_args)}
        return [file for file in self.files if file.name in held]

    def folder(self, volume_root: Path) -> Path:
        """Where the source is kept."""
        return volume_root / SOURCES_FOLDER / self.digest


def quiet_client() -> None:
    """Let the hub client's log go where ours goes, where secrets are taken out, and keep its own bars away."""
    from huggingface_hub.utils import disable_progress_bars
    from huggingface_hub.utils.logging import get_logger  # this import adds a handler, which is taken away below

    disable_progress_bars()
    logger = get_logger()
    logger.handlers.clear()
    logger.propagate = True


def resolve(request: HubRequest, extra_args: dict[str, str]) -> HubSource:
    """Ask the hub for the commit behind the revision and for its files."""
    return patiently(lambda: _resolve(request, extra_args))


def _refuse_collisions(request: HubRequest, names: list[str]) -> None:
    for name in names:
        if not name.isprintable():
            raise WorkerFailure(
                Reason.SOURCE_CORRUPT,
                f"{request.repo} names a file {name[:200]!r}, which no volume should hold: rename it, or exclude it",
            )
    folders = {parent.as_posix(): name for name in names for parent in PurePosixPath(name).parents}
    for name in names:
        if name in folders:
            raise WorkerFailure(
                Reason.SOURCE_CORRUPT,
                f"{request.repo} names a file {name} and, with {folders[name]}, a folder of that name: exclude one",
            )


def _resolve(request: HubRequest, extra_args: dict[str, str]) -> HubSource:
    with hub_failures(request.repo, request.revision, request.address, bool(request.token)):
        described = describe(request)
        sizes = {file.name: file.size for file in described.files.values()}
        names = chosen(described.files, request.include, request.exclude, extra_args, sizes)
        _refuse_collisions(request, names)
        files = [described.files[name] for name in names]
        unsure = [file for file in files if file.size == UNKNOWN or not (file.sha256 or file.blob_id)]
        asked = {file.name: with_head(request, described.commit, file) for file in unsure[:_MOST_HEADS]}
    if not files:
        raise WorkerFailure(
            Reason.SOURCE_INCOMPLETE, f"{request.repo} has no file that is wanted: check include and exclude"
        )
    files = [asked.get(file.name, file) for file in files]
    _refuse_moving(request, described.commit, files)
    return HubSource(request, described.commit, files)


def _refuse_moving(request: HubRequest, commit: str, files: list[HubFile]) -> None:
    """A name that moves, of contents that nobody states, would stand for what was fetched first for ever."""
    silent = [file.name for file in files if not (file.sha256 or file.blob_id)]
    if silent and not is_hash(commit):
        raise WorkerFailure(
            Reason.REVISION_NOT_FOUND,
            f"{request.address} calls {request.revision or 'main'!r} of {request.repo} {commit!r}, which is no commit, "
            f"and says nothing of the content of {silent[0]}, so a change would go unseen; name a commit as revision, "
            "or use another endpoint",
        )

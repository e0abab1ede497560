"""A repository of a hub: which commit is meant, which of its files are wanted, and what the hub states of them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import SOURCES_FOLDER, digest_of, stays_inside
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.hub_errors import hub_failures
from shardwright_worker.prepare.selection import chosen, weights_read
from shardwright_worker.prepare.transfer import HubFile

DEFAULT_ENDPOINT = "https://huggingface.co"


@dataclass(frozen=True)
class HubRequest:
    """What to fetch. `include` replaces the default choice of files, `exclude` takes away from it."""

    repo: str
    revision: str = "main"
    endpoint: str = ""
    include: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    token: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """The hub's address."""
        return (self.endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


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
        return sum(file.size for file in self.files)

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
    from huggingface_hub import HfApi

    with hub_failures(request.repo, request.revision, request.address, bool(request.token)):
        api = HfApi(endpoint=request.address, token=request.token or False)
        info = api.model_info(request.repo, revision=request.revision or None, files_metadata=True, timeout=60)
    stated = {each.rfilename: each for each in info.siblings or []}
    for name in stated:
        if not stays_inside(name):
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{request.repo} names a file {name!r}, which leaves its folder")
    files = [
        HubFile(
            name,
            stated[name].size or 0,
            stated[name].lfs.sha256 if stated[name].lfs else "",
            stated[name].blob_id or "",
        )
        for name in chosen(stated, request.include, request.exclude, extra_args)
    ]
    if not files:
        raise WorkerFailure(
            Reason.SOURCE_INCOMPLETE, f"{request.repo} has no file that is wanted: check include and exclude"
        )
    return HubSource(request, str(info.sha), files)

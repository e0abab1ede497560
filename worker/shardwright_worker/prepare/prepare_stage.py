"""The prepare stage: makes a source ready, names its artifact, and looks whether that is there already."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from shardwright_worker.artifact.check import check_artifact
from shardwright_worker.artifact.final_name import Standing, refuse_strange, standing_of
from shardwright_worker.artifact.find import artifact_keys, damage_of, finished_artifact, relative_path
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.maintenance import PruneReport
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.naming import DEFAULT_MAX_FILE_SIZE, STAGING_FOLDER, artifact_key, default_file_pattern
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import ArtifactReport, SourceReport
from shardwright_worker.contract.verification_levels import satisfies
from shardwright_worker.files.volume_paths import refuse_links
from shardwright_worker.hub import repository
from shardwright_worker.hub.download import Fetching, fetched
from shardwright_worker.hub.download_record import is_untouched, strangers
from shardwright_worker.hub.repository import HubRequest, HubSource
from shardwright_worker.prepare.disk_space import check_space, probe_writing
from shardwright_worker.prepare.preflight import check_hub_files, check_source
from shardwright_worker.publish.prune import prune
from shardwright_worker.reporting.progress_bar import Show, silent
from shardwright_worker.serving.guard import installed_vllm
from shardwright_worker.source.listing import list_source
from shardwright_worker.source.source_digest import Known, read_source
from shardwright_worker.source.source_fingerprint import fingerprint

__all__ = [
    "Known",
    "Layout",
    "Prepared",
    "Pruning",
    "mount_point",
    "prepare_folder",
    "prepare_repository",
    "prune_older",
]


@dataclass(frozen=True)
class Layout:
    """What decides an artifact's name beside its source, and where it goes.

    `deep`: a look at the artifact reads every byte. `verification`: the level that is asked for.
    `damage`: what earlier looks found wrong, by key; `seen`: what they found.
    """

    engine: EngineSettings
    output: Path
    volume_root: Path
    image: str = ""
    file_pattern: str = ""
    max_file_size: int = DEFAULT_MAX_FILE_SIZE
    deep: bool = False
    verification: str = "digests"
    show: Show = field(default=silent, compare=False)
    damage: dict[str, str] = field(default_factory=dict, compare=False)
    seen: dict[str, ArtifactReport | None] = field(default_factory=dict, compare=False)

    @property
    def pattern(self) -> str:
        """The pattern of part files: vLLM's own unless one is given."""
        return self.file_pattern or default_file_pattern(self.engine.pipeline_parallel_size)

    def key(self, digest: str) -> str:
        """The artifact's key for a source."""
        return artifact_key(digest, self.engine, self.image, self.pattern, self.max_file_size, installed_vllm())

    def finished(self, key: str) -> ArtifactReport | None:
        """The artifact, if it is there and whole; ArtifactDamaged if what has its name cannot be replaced by one.

        A second look at a key gives what the first one found.
        """
        if key not in self.seen:
            self.seen[key] = self._look(key)
        return self.seen[key]

    def _look(self, key: str) -> ArtifactReport | None:
        refuse_links(self.volume_root, self.output / STAGING_FOLDER)
        found = finished_artifact(self.output, key, self.volume_root, installed_vllm())
        folder = self.output / key
        if found is None:
            refuse_strange(folder, key)
            self.damage[key] = damage_of(folder, key) if standing_of(folder, key) == Standing.DAMAGED else ""
            return None
        return self._read_all(found) if self.deep else found

    def _read_all(self, found: ArtifactReport) -> ArtifactReport | None:
        try:
            check_artifact(self.output / found.key, True, self.show)
        except WorkerFailure as failure:
            if failure.reason != Reason.ARTIFACT_DAMAGED:
                raise
            self.damage[found.key] = failure.message
            return None
        return found.model_copy(update={"looked_at": "Bytes"})


@dataclass(frozen=True)
class Pruning:
    """How many artifacts to keep, which stay in any case or while in use, and until when any may go."""

    history_limit: int
    protected: Collection[str] = field(default_factory=tuple)
    in_use: Collection[str] = field(default_factory=tuple)
    until: float | None = None


class Prepared(NamedTuple):
    """A source that can be sharded. `files` is None if it was not read: nobody touched it, or nobody needs it."""

    key: str
    source: SourceReport
    folder: Path
    files: list[FileDigest] | None
    artifact: ArtifactReport | None


def prepare_folder(folder: Path, layout: Layout, show: Show, known: Known | None = None) -> Prepared:
    """Check a source folder and compute its digest, unless nobody touched it since that was computed."""
    show(Progress(stage=Stage.PREPARING))
    refuse_links(layout.volume_root, layout.output)
    listing = list_source(folder, layout.engine.extra_args)
    checked = check_source(listing, layout.engine)
    no_room = _lack_of_room(layout, checked.expected_bytes)
    if no_room and not artifact_keys(layout.output):
        raise no_room
    read = read_source(listing, layout.engine.extra_args, show, known or Known())
    key = layout.key(read.digest)
    artifact = layout.finished(key)
    if no_room and artifact is None:
        raise no_room
    inside = folder.resolve().is_relative_to(layout.volume_root.resolve())
    source = SourceReport(
        digest=read.digest,
        fingerprint=read.fingerprint,
        revision=read.digest,
        path=relative_path(folder, layout.volume_root if inside else mount_point(folder)),
        volume="output" if inside else "source",
        bytes=listing.bytes,
        files=len(listing.files),
    )
    return Prepared(key, source, folder, read.files, artifact)


def prepare_repository(request: HubRequest, layout: Layout, show: Show) -> Prepared:
    """Fetch a repository of a hub unless its artifact is there already."""
    show(Progress(stage=Stage.PREPARING))
    refuse_links(layout.volume_root, layout.output)
    hub = repository.resolve(request, layout.engine.extra_args)
    key = layout.key(hub.digest)
    artifact = layout.finished(key)
    folder = hub.folder(layout.volume_root)
    files, stamp = None, ""
    if artifact is None or not satisfies(artifact.verified_by, layout.verification):  # the proof needs the source, too
        files = fetched(hub, layout.volume_root)
        files = _check_fetched(folder, layout, files) if files else _fetch(hub, layout, show)
        stamp = _stamp(folder, layout)
    source = SourceReport(
        digest=hub.digest,
        fingerprint=stamp,
        revision=hub.commit,
        path=relative_path(folder, layout.volume_root),
        volume="output",
        bytes=hub.bytes,
        files=len(hub.files),
    )
    return Prepared(key, source, folder, files, artifact)


def prune_older(pruning: Pruning, layout: Layout, *keys: str) -> PruneReport:
    """Remove older artifacts; those of these keys stay, too."""
    return prune(
        layout.output,
        pruning.history_limit,
        {*pruning.protected, *keys},
        in_use=pruning.in_use,
        until=pruning.until,
        root=layout.volume_root,
    )


def mount_point(folder: Path) -> Path:
    """Root of the volume that a folder is on."""
    return next(each for each in (folder.resolve(), *folder.resolve().parents) if each.is_mount())


def _stamp(folder: Path, layout: Layout) -> str:
    """The fetched source's fingerprint; empty, so that it is read again, if it is not as it was when it was checked."""
    listing = list_source(folder, layout.engine.extra_args)
    if others := strangers(folder, (file.name for file in listing.files)):
        raise WorkerFailure(
            Reason.SOURCE_CORRUPT,
            f"{folder} holds {', '.join(others[:5])}, which the repository does not: somebody put it there; remove it",
        )
    return fingerprint(listing) if is_untouched(folder, listing) else ""


def _check_fetched(folder: Path, layout: Layout, files: list[FileDigest]) -> list[FileDigest]:
    checked = check_source(list_source(folder, layout.engine.extra_args), layout.engine)
    check_space(layout.output, checked.expected_bytes, "the shards")
    probe_writing(layout.output)
    return files


def _fetch(hub: HubSource, layout: Layout, show: Show) -> list[FileDigest]:
    """Small files first: most of what can be wrong is known from them before the large ones come."""
    weights = hub.weights(layout.engine.extra_args)
    # Another dtype makes the shards larger or smaller than what is stored; how much, the small files tell.
    shards = sum(file.size_or(0) for file in weights) if layout.engine.dtype == "auto" else 0
    probe_writing(layout.output)
    with Fetching(hub, layout.volume_root, show) as fetching:
        if fetching.found is not None:
            return _check_fetched(hub.folder(layout.volume_root), layout, fetching.found)
        check_space(layout.output, hub.bytes - fetching.bytes_there + shards, "the source and its shards")
        fetching.take([file for file in hub.files if file not in weights])
        shards = check_hub_files(list_source(fetching.folder, layout.engine.extra_args), hub, layout.engine)
        check_space(layout.output, hub.bytes - fetching.bytes_there + shards, "the source and its shards")
        fetching.take(weights)
        check_source(list_source(fetching.folder, layout.engine.extra_args), layout.engine)
        return fetching.publish()


def _lack_of_room(layout: Layout, needed: int) -> WorkerFailure | None:
    try:
        check_space(layout.output, needed, "the shards")
        probe_writing(layout.output)
    except WorkerFailure as failure:
        return failure
    return None

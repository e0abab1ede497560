"""Prepares a repository of the Hub: download it unless its artifact is finished, and check it."""

from pathlib import Path

from shardwright_worker.artifact.find import relative_path
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import SourceReport
from shardwright_worker.contract.text import abbreviate
from shardwright_worker.contract.verification_levels import satisfies
from shardwright_worker.files.nofollow import reject_symlinks
from shardwright_worker.files.volume_probe import probe_volume
from shardwright_worker.hub.download import Download, find_download
from shardwright_worker.hub.download_record import is_unchanged, unrecorded_files
from shardwright_worker.hub.hub_request import HubRequest
from shardwright_worker.hub.repository import HubSource, resolve_repository
from shardwright_worker.prepare.disk_space import check_space
from shardwright_worker.prepare.layout import Layout
from shardwright_worker.prepare.preflight import check_hub_files, check_source
from shardwright_worker.prepare.prepared import Prepared
from shardwright_worker.reporting.progress_output import ShowProgress
from shardwright_worker.source.listing import list_source
from shardwright_worker.source.source_fingerprint import fingerprint

_NAMED = 5  # unexpected files that a message names


def prepare_repository(request: HubRequest, layout: Layout, show: ShowProgress) -> Prepared:
    """Resolve a repository and download it, unless its artifact is finished and verified at the requested level.

    Verification loads the source too, so an artifact with a weaker proof needs it again.

    Raises:
        WorkerFailure: the reason why the repository cannot be downloaded, or not be sharded with these settings.
    """
    show(Progress(stage=Stage.PREPARING))
    reject_symlinks(layout.volume_root, layout.output)
    hub = resolve_repository(request, layout.engine.extra_args)
    key = layout.key(hub.digest)
    artifact = layout.finished(key)
    folder = hub.folder(layout.volume_root)
    files, source_fingerprint = None, ""
    if artifact is None or not satisfies(artifact.verified_by, layout.verification):
        files = find_download(hub, layout.volume_root)
        files = _check_download(folder, layout, files) if files else _download(hub, layout, show)
        source_fingerprint = _fingerprint(folder, layout)
    source = SourceReport(
        digest=hub.digest,
        fingerprint=source_fingerprint,
        revision=hub.commit,
        path=relative_path(folder, layout.volume_root),
        volume="output",
        bytes=hub.bytes,
        files=len(hub.files),
    )
    return Prepared(key, source, folder, files, artifact)


def _fingerprint(folder: Path, layout: Layout) -> str:
    """Return the download's fingerprint, or an empty string, which means "read it again", if it was changed."""
    listing = list_source(folder, layout.engine.extra_args)
    if unexpected := unrecorded_files(folder, (file.name for file in listing.files)):
        raise WorkerFailure(
            Reason.SOURCE_CORRUPT,
            f"{folder} holds {abbreviate(unexpected, _NAMED)}, which is not in the repository: remove it",
        )
    return fingerprint(listing) if is_unchanged(folder, listing) else ""


def _check_download(folder: Path, layout: Layout, files: list[FileDigest]) -> list[FileDigest]:
    checked = check_source(list_source(folder, layout.engine.extra_args), layout.engine)
    check_space(layout.output, checked.expected_bytes, "the shards")
    probe_volume(layout.output)
    return files


def _download(hub: HubSource, layout: Layout, show: ShowProgress) -> list[FileDigest]:
    """Download the small files first: most problems show in them, before the weights take time and space."""
    weights = hub.weights(layout.engine.extra_args)
    # Another dtype makes the shards larger or smaller than the stored weights; the small files say by how much.
    shards = sum(file.size_or(0) for file in weights) if layout.engine.dtype == "auto" else 0
    probe_volume(layout.output)
    with Download(hub, layout.volume_root, show) as download:
        if download.found is not None:
            return _check_download(hub.folder(layout.volume_root), layout, download.found)
        check_space(layout.output, hub.bytes - download.bytes_present + shards, "the source and its shards")
        download.fetch([file for file in hub.files if file not in weights])
        shards = check_hub_files(list_source(download.folder, layout.engine.extra_args), hub, layout.engine)
        check_space(layout.output, hub.bytes - download.bytes_present + shards, "the source and its shards")
        download.fetch(weights)
        check_source(list_source(download.folder, layout.engine.extra_args), layout.engine)
        return download.finish()

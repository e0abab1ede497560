"""Prepares a source folder: check it, compute its digest, find its artifact."""

from pathlib import Path

from shardwright_worker.artifact.find import artifact_keys, relative_path
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.report import SourceReport
from shardwright_worker.files.folders import mount_point
from shardwright_worker.files.nofollow import reject_symlinks
from shardwright_worker.files.volume_probe import probe_volume
from shardwright_worker.prepare.disk_space import check_space
from shardwright_worker.prepare.layout import Layout
from shardwright_worker.prepare.preflight import check_source
from shardwright_worker.prepare.prepared import Prepared
from shardwright_worker.reporting.progress_output import ShowProgress
from shardwright_worker.source.listing import list_source
from shardwright_worker.source.source_digest import KnownSource, compute_source_digest


def prepare_folder(folder: Path, layout: Layout, show: ShowProgress, known: KnownSource | None = None) -> Prepared:
    """Check a source folder and compute its digest; an unchanged one, whose digest is known, is not read again.

    A volume without space is only an error if the artifact is not finished yet, which needs the digest to be known;
    where the output has no artifacts at all, it is reported before the source is read.

    Raises:
        WorkerFailure: the reason why this source cannot be sharded with these settings.
    """
    show(Progress(stage=Stage.PREPARING))
    reject_symlinks(layout.volume_root, layout.output)
    listing = list_source(folder, layout.engine.extra_args)
    checked = check_source(listing, layout.engine)
    no_space = _space_failure(layout, checked.expected_bytes)
    if no_space and not artifact_keys(layout.output):
        raise no_space
    read = compute_source_digest(listing, layout.engine.extra_args, show, known or KnownSource())
    key = layout.key(read.digest)
    artifact = layout.finished(key)
    if no_space and artifact is None:
        raise no_space
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


def _space_failure(layout: Layout, needed: int) -> WorkerFailure | None:
    try:
        check_space(layout.output, needed, "the shards")
        probe_volume(layout.output)
    except WorkerFailure as failure:
        return failure
    return None

"""The subcommand shard: loads a model with vLLM, saves, verifies and publishes its shards."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shardwright_worker.cli.layout_arguments import layout_of
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.naming import is_key
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import Report
from shardwright_worker.reporting.progress_output import ShowProgress

if TYPE_CHECKING:
    from shardwright_worker.prepare.layout import Layout


class _Source(NamedTuple):
    """A prepared source: the key of its artifact, its digest and fingerprint, and its files where they are known."""

    key: str
    digest: str
    fingerprint: str
    files: tuple[FileDigest, ...]


def shard(arguments: argparse.Namespace, show: ShowProgress, _secrets: set[str]) -> Report:
    """Run the stage; without --artifact-name the source is prepared first.

    Raises:
        WorkerFailure: With any reason of the stage.
    """
    from shardwright_worker.artifact.manifest_file import read_manifest
    from shardwright_worker.contract.vllm_support.installed import installed_vllm
    from shardwright_worker.engine.compat import refuse_release
    from shardwright_worker.shard.shard_request import ShardRequest
    from shardwright_worker.shard.shard_stage import shard as make

    layout = layout_of(arguments)
    refuse_release(installed_vllm())
    source = _source(arguments, layout, show)
    request = ShardRequest(
        source=Path(arguments.source).absolute(),
        output=layout.output,
        settings=layout.engine,
        image=layout.image,
        file_pattern=layout.file_pattern,
        max_file_size=layout.max_file_size,
        verification=arguments.verification,
        deep=arguments.deep,
        measure=arguments.measure,
        attempt=arguments.attempt,
        volume_root=layout.volume_root,
        source_revision=arguments.source_revision or source.digest,
        source_repo=arguments.source_repo,
        artifact_name=source.key,
        source_digest=source.digest,
        source_fingerprint=source.fingerprint,
        source_files=source.files,
    )
    artifact = make(request, show)
    durations = read_manifest(layout.output / artifact.key).duration_seconds
    return Report(stage="Shard", succeeded=True, key=artifact.key, artifact=artifact, duration_seconds=durations)


def stop_children() -> None:
    """Kill the processes that a running shard stage has started."""
    running = sys.modules.get("shardwright_worker.shard.shard_stage")
    if running:
        running.stop()


def _source(arguments: argparse.Namespace, layout: "Layout", show: ShowProgress) -> _Source:
    from shardwright_worker.hub.download_record import recorded_files
    from shardwright_worker.prepare.prepare_folder import prepare_folder
    from shardwright_worker.shard.shard_stage import import_engine

    folder, key, digest = Path(arguments.source), arguments.artifact_name, arguments.source_digest
    if not arguments.source or not folder.is_dir():
        raise WorkerFailure(
            Reason.SOURCE_NOT_FOUND,
            f"--source {arguments.source or '(not set)'} is not a local directory: set the model's folder; a "
            "repository of the Hugging Face Hub is fetched with `shardwright-worker prepare --repo ORG/NAME`",
        )
    if not key:
        import_engine()  # beside the digests of the source, which take as long if it is large
        found = prepare_folder(folder, layout, show)
        return _Source(found.key, found.source.digest, found.source.fingerprint, tuple(found.files or []))
    _check_key(key, digest, layout)
    return _Source(key, digest, arguments.source_fingerprint, tuple(recorded_files(folder, digest)))


def _check_key(key: str, digest: str, layout: "Layout") -> None:
    if not is_key(key):
        problem = f"--artifact-name {key}: must have 16 hex digits"
    elif not digest:
        problem = "--source-digest: must be set together with --artifact-name"
    elif key != layout.key(digest):
        problem = (
            f"--artifact-name {key} is not the key of this source, image and engine, which is {layout.key(digest)}: "
            "set what prepare has reported, with the same flags"
        )
    else:
        return
    raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, problem)

"""Makes an artifact in its staging folder: its parts, the files beside them, its manifest, and the proof."""

from datetime import UTC, datetime
from pathlib import Path

from shardwright_worker.contract.manifest import Engine, FileDigest, Manifest, Source, Verification
from shardwright_worker.contract.progress_line import Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.part_names import default_file_pattern
from shardwright_worker.engine.classify import classify
from shardwright_worker.engine.io_errors import Folders
from shardwright_worker.engine.messages import EngineResult, SourceResult
from shardwright_worker.files.hashing import sha256_of
from shardwright_worker.shard.copy_metadata import copy_metadata, correct_config
from shardwright_worker.shard.load_source import load_source
from shardwright_worker.shard.shard_request import ShardRequest
from shardwright_worker.shard.source_guard import SourceGuard
from shardwright_worker.shard.stage_clock import StageClock
from shardwright_worker.source.metadata_files import metadata_names
from shardwright_worker.verify.verify_stage import VerifyRequest, verify_by_loading, verify_by_reading

_WEIGHTS = (".safetensors", ".bin", ".pt")


def make(request: ShardRequest, guard: SourceGuard, staging: Path, scratch: Path, clock: StageClock) -> Manifest:
    """Write everything into `staging`, verify it, and return its manifest.

    Raises:
        WorkerFailure: with the reason of whatever failed.
    """
    names = metadata_names(guard.listing, request.settings.trust_remote_code)  # refuses before a device is used
    loaded = load_source(request, guard, staging, True, scratch, clock)
    metadata = _write_metadata(request, staging, names, loaded)
    guard.check("while its files were copied")
    manifest = _manifest(request, loaded, metadata)
    clock.start(Stage.VERIFYING)
    if request.verification == "digests":
        proof = verify_by_reading(manifest, staging, clock.show_bytes)
    else:
        proof = verify_by_loading(verify_request(request, guard, staging, loaded), manifest, scratch, clock.show)
    return manifest.model_copy(update={"verification": proof, "duration_seconds": clock.durations()})


def verify_request(request: ShardRequest, guard: SourceGuard, artifact: Path, source: EngineResult) -> VerifyRequest:
    """Return the request to verify `artifact` against the source as it was loaded."""
    return VerifyRequest(
        artifact=artifact,
        settings=request.settings,
        file_pattern=request.file_pattern,
        level=request.verification,
        source=source,
        source_files=[name for name in guard.listing.all_names if not name.endswith(_WEIGHTS)],
    )


def _write_metadata(request: ShardRequest, staging: Path, names: list[str], loaded: SourceResult) -> list[FileDigest]:
    untied = any(rank.untied for rank in loaded.saved.values())
    try:
        copy_metadata(request.source, staging, names)
        correct_config(staging, untied, loaded.engine.dtype, loaded.engine.quantization_lists)
        return [_digest(staging, name) for name in names]
    except OSError as error:
        raise classify(error, Reason.UNEXPECTED_ERROR, Folders(request.source, staging)) from error


def _digest(folder: Path, name: str) -> FileDigest:
    path = folder / name
    return FileDigest(name=name, size=path.stat().st_size, sha256=sha256_of(path))


def _manifest(request: ShardRequest, loaded: SourceResult, metadata: list[FileDigest]) -> Manifest:
    parts = [part for rank in loaded.saved.values() for part in rank.parts]
    facts = loaded.engine.model_dump(exclude={"quantization_lists"})
    return Manifest(
        key=request.artifact_name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        source=_source(request),
        engine=Engine(settings=request.settings, image=request.image, **facts),
        file_pattern=request.file_pattern or default_file_pattern(request.settings.pipeline_parallel_size),
        max_file_size=request.max_file_size,
        parts=sorted(parts, key=lambda part: (part.rank, part.part)),
        metadata=metadata,
        verification=Verification(level=request.verification.capitalize()),
    )


def _source(request: ShardRequest) -> Source:
    revision = request.source_revision or request.source_digest
    files = list(request.source_files)
    return Source(digest=request.source_digest, revision=revision, repo=request.source_repo, files=files)

"""Makes an artifact in staging: its parts, the files beside them, its manifest, and the proof."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shardwright_worker.contract.manifest import Engine, FileDigest, Manifest, Part, Source, Verification
from shardwright_worker.contract.progress_line import Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.part_names import default_file_pattern
from shardwright_worker.engine.classify import classify
from shardwright_worker.engine.io_errors import Sides
from shardwright_worker.shard.copy_metadata import copy_metadata, correct_config
from shardwright_worker.shard.load_process import load_source
from shardwright_worker.shard.shard_request import ShardRequest
from shardwright_worker.shard.source_guard import SourceGuard
from shardwright_worker.shard.stage_clock import Clock
from shardwright_worker.source.listing import Listing
from shardwright_worker.source.metadata_files import metadata_names
from shardwright_worker.verify.read_back import digest_file
from shardwright_worker.verify.verify_stage import Sourced, prove, prove_by_reading


def make(request: ShardRequest, guard: SourceGuard, staging: Path, scratch: Path, clock: Clock) -> Manifest:
    """Everything in staging, proven."""
    names = metadata_names(guard.listing, request.settings.trust_remote_code)  # refuses before a device is taken
    saved = load_source(request, guard, staging, True, scratch, clock)
    parts = [Part.model_validate(part) for rank in saved["ranks"].values() for part in rank["parts"]]
    metadata = _write_metadata(request, staging, names, saved)
    guard.check("while its files were copied")
    manifest = Manifest(
        key=request.artifact_name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        source=_source(request),
        engine=Engine(settings=request.settings, image=request.image, **saved["engine"]),
        file_pattern=request.file_pattern or default_file_pattern(request.settings.pipeline_parallel_size),
        max_file_size=request.max_file_size,
        parts=sorted(parts, key=lambda part: (part.rank, part.part)),
        metadata=metadata,
        verification=Verification(level=request.verification.capitalize()),
    )
    clock.start(Stage.VERIFYING)
    if request.verification == "digests":
        proof = prove_by_reading(manifest, staging, clock.bytes)
    else:
        proof = prove(request, manifest, staging, scratch, sourced(saved, guard.listing), clock.repeat)
    return manifest.model_copy(update={"verification": proof, "duration_seconds": clock.durations()})


def sourced(told: dict[str, Any], listing: Listing) -> Sourced:
    """What the engine told of the source, for a proof."""
    weights = (".safetensors", ".bin", ".pt")
    files = [name for name in listing.all_names if not name.endswith(weights)]
    return Sourced(told["runtime_digests"], told["answers"], told["reader"], files)


def _write_metadata(request: ShardRequest, staging: Path, names: list[str], saved: dict[str, Any]) -> list[FileDigest]:
    untied = any(rank.get("untied") for rank in saved["ranks"].values())
    try:
        copy_metadata(request.source, staging, names)
        correct_config(staging, untied, saved["engine"]["dtype"], saved["engine"].pop("quantization_lists"))
        return [digest_file(staging, name) for name in names]
    except OSError as error:
        raise classify(error, Reason.UNEXPECTED_ERROR, Sides(request.source, staging)) from error


def _source(request: ShardRequest) -> Source:
    revision = request.source_revision or request.source_digest
    files = list(request.source_files)
    return Source(digest=request.source_digest, revision=revision, repo=request.source_repo, files=files)

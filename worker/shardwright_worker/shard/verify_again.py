"""Proves more of an artifact that is published already: nothing is built, and only its manifest is replaced."""

from pathlib import Path

from shardwright_worker.artifact.find import artifact_report
from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.progress_line import Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.publish.replace_manifest import replace_manifest
from shardwright_worker.shard.assemble import sourced
from shardwright_worker.shard.load_process import load_source
from shardwright_worker.shard.shard_request import ShardRequest
from shardwright_worker.shard.source_guard import SourceGuard
from shardwright_worker.shard.stage_clock import Clock
from shardwright_worker.verify.verify_stage import compare_tensors, prove, prove_by_reading


def prove_again(
    request: ShardRequest, guard: SourceGuard, artifact: Path, staging: Path, scratch: Path, clock: Clock
) -> ArtifactReport:
    """The artifact, proven at the level that was asked for. Raises WorkerFailure; then it stays as it is."""
    manifest = read_manifest(artifact)
    if request.verification == "digests":
        clock.start(Stage.VERIFYING)
        proof = prove_by_reading(manifest, artifact, clock.bytes)
    else:
        told = load_source(request, guard, artifact, False, scratch, clock)
        _compare_with_source(manifest, told["ranks"])
        clock.start(Stage.VERIFYING)
        proof = prove(request, manifest, artifact, scratch, sourced(told, guard.listing), clock.repeat)
    guard.check("while its shards were proven")
    clock.start(Stage.PUBLISHING)
    durations = {**manifest.duration_seconds, "verify": clock.durations()["verify"]}
    proven = manifest.model_copy(update={"verification": proof, "duration_seconds": durations})
    replace_manifest(artifact, proven, staging)
    return artifact_report(artifact, proven, request.volume_root or request.output)


def _compare_with_source(manifest: Manifest, ranks: dict[str, dict[str, dict[str, str]]]) -> None:
    """The source must still load to what the manifest says was saved."""
    try:
        compare_tensors(manifest, {rank: told["tensors"] for rank, told in ranks.items()}, "")
    except WorkerFailure as failure:
        message = f"The source loads to other weights than this artifact was made of{failure.message}"
        raise WorkerFailure(Reason.VERIFICATION_FAILED, message) from failure

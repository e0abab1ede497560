"""Proves more about a published artifact: nothing is built, and only its manifest is replaced."""

from pathlib import Path

from shardwright_worker.artifact.find import artifact_report
from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.contract.progress_line import Stage
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.publish.replace_manifest import replace_manifest
from shardwright_worker.shard.assemble import verify_request
from shardwright_worker.shard.load_source import load_source
from shardwright_worker.shard.shard_request import ShardRequest
from shardwright_worker.shard.source_guard import SourceGuard
from shardwright_worker.shard.stage_clock import StageClock
from shardwright_worker.verify.compare import compare_tensors
from shardwright_worker.verify.verify_stage import verify_by_loading, verify_by_reading


def verify_again(
    request: ShardRequest, guard: SourceGuard, artifact: Path, staging: Path, scratch: Path, clock: StageClock
) -> ArtifactReport:
    """Verify the artifact at the requested level, and record the proof in its manifest.

    Raises:
        WorkerFailure: with the reason of whatever failed; the artifact stays as it is.
    """
    manifest = read_manifest(artifact)
    if request.verification == "digests":
        clock.start(Stage.VERIFYING)
        proof = verify_by_reading(manifest, artifact, clock.show_bytes)
    else:
        loaded = load_source(request, guard, artifact, False, scratch, clock)
        # The source must still load to what the manifest says was saved.
        what = "The source loads to other weights than this artifact was made of"
        compare_tensors(manifest, loaded.loaded_digests, what)
        clock.start(Stage.VERIFYING)
        proof = verify_by_loading(verify_request(request, guard, artifact, loaded), manifest, scratch, clock.show)
    guard.check("while its shards were verified")
    clock.start(Stage.PUBLISHING)
    durations = {**manifest.duration_seconds, "verify": clock.durations()["verify"]}
    verified = manifest.model_copy(update={"verification": proof, "duration_seconds": durations})
    replace_manifest(artifact, verified, staging)
    return artifact_report(artifact, verified, request.volume_root or request.output)

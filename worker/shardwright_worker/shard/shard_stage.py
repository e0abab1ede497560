"""The shard stage: makes, verifies and publishes an artifact, or proves more about a published one. Imports no vLLM."""

import tempfile
from pathlib import Path

from shardwright_worker.artifact.check import check_artifact
from shardwright_worker.artifact.find import find_artifact
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.progress_line import Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.contract.verification_levels import satisfies
from shardwright_worker.contract.vllm_support.installed import installed_vllm
from shardwright_worker.engine.child import stop_all, warm_up
from shardwright_worker.engine.environment import prepare_environment
from shardwright_worker.publish.publish import publish
from shardwright_worker.publish.staging import Staging
from shardwright_worker.reporting.progress_output import ShowProgress
from shardwright_worker.shard.assemble import make
from shardwright_worker.shard.measure_published import measure_published
from shardwright_worker.shard.shard_request import ShardRequest
from shardwright_worker.shard.source_guard import SourceGuard
from shardwright_worker.shard.stage_clock import StageClock
from shardwright_worker.shard.verify_again import verify_again

PRELOAD = "shardwright_worker.shard.preload"  # a name: only the fork server may import it, for it imports vLLM


def import_engine() -> None:
    """Let the fork server import vLLM, in the background."""
    prepare_environment()
    warm_up(PRELOAD)


def stop() -> None:
    """End all engine processes, because the worker is terminated."""
    stop_all()


def shard(request: ShardRequest, show: ShowProgress) -> ArtifactReport:
    """Make, verify and publish the artifact; return one at once that is published and verified as requested.

    Nothing that failed ever has the final name.

    Raises:
        WorkerFailure: with a reason of the closed list.
    """
    key, root = request.artifact_name, request.volume_root or request.output
    finished = find_artifact(request.output, key, root, installed_vllm())
    replaces = ""
    if finished and request.deep and _is_broken(request.output / key, show):
        replaces, finished = finished.manifest_digest, None
    if finished and satisfies(finished.verified_by, request.verification):
        return finished
    clock = StageClock(show)
    with Staging(request.output, key, request.attempt, root) as staging, tempfile.TemporaryDirectory() as scratch:
        import_engine()
        guard = SourceGuard(request, show)
        try:
            if finished:
                return verify_again(request, guard, request.output / key, staging.path, Path(scratch), clock)
            manifest = make(request, guard, staging.path, Path(scratch), clock)
        finally:
            stop_all()
        clock.start(Stage.PUBLISHING)
        guard.check("while its shards were made")
        artifact = request.output / key
        published = publish(staging, manifest, artifact, root, clock.durations, replaces)
        if request.measure:
            measured = measure_published(request, guard, artifact, staging.path, Path(scratch), clock)
            published = measured or published
    if satisfies(published.verified_by, request.verification):
        return published
    return shard(request, show)  # another worker has published first, and has proven less


def _is_broken(artifact: Path, show: ShowProgress) -> bool:
    """Return whether an artifact with a sound manifest has other bytes than the manifest says."""
    try:
        check_artifact(artifact, True, show)
    except WorkerFailure as failure:
        if failure.reason is not Reason.ARTIFACT_DAMAGED:
            raise
        return True
    return False

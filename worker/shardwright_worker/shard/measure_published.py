"""Measures how long the source and its published artifact take to load, and records it in the artifact's manifest.

After publication: a load that hangs, or that the deadline ends, costs no artifact.
"""

import sys
from pathlib import Path

from shardwright_worker.artifact.find import artifact_report
from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.progress_line import Stage
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.contract.text import one_line
from shardwright_worker.measure.measure_stage import MeasureRequest, measure
from shardwright_worker.publish.replace_manifest import replace_manifest
from shardwright_worker.shard.shard_request import ShardRequest
from shardwright_worker.shard.source_guard import SourceGuard
from shardwright_worker.shard.stage_clock import StageClock


def measure_published(
    request: ShardRequest, guard: SourceGuard, artifact: Path, staging: Path, scratch: Path, clock: StageClock
) -> ArtifactReport | None:
    """Return the report of the artifact with what was measured; None, with a line on stderr, if nothing was."""
    clock.start(Stage.MEASURING)
    try:
        measured = measure(_request(request, guard, artifact, read_manifest(artifact)), scratch, clock.show)
        if measured is None:
            return None
        manifest = read_manifest(artifact)  # another worker may have proven more meanwhile
        seconds = {**manifest.duration_seconds, "measure": clock.durations()["measure"]}
        recorded = manifest.model_copy(update={"measured": measured, "duration_seconds": seconds})
        staging.mkdir(exist_ok=True)  # it was renamed to the artifact
        replace_manifest(artifact, recorded, staging)
        return artifact_report(artifact, recorded, request.volume_root or request.output)
    except (WorkerFailure, OSError) as error:
        print(one_line(f"What was measured is not recorded: {error}"), file=sys.stderr, flush=True)
        return None


def _request(request: ShardRequest, guard: SourceGuard, artifact: Path, manifest: Manifest) -> MeasureRequest:
    return MeasureRequest(
        source=request.source,
        source_files=[file.name for file in guard.listing.files],
        artifact=artifact,
        artifact_files=[*(part.file for part in manifest.parts), *(file.name for file in manifest.metadata)],
        settings=request.settings,
        file_pattern=request.file_pattern,
    )

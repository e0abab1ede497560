"""From a worker's report to what the status says of source, artifact and serving."""

import json
from datetime import UTC, datetime
from typing import Any

from shardwright_operator.api.artifact_status import Measured
from shardwright_operator.api.maintenance_status import Maintenance
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import (
    Artifact,
    Durations,
    ResolvedSource,
    Serving,
    ServingVolume,
    Status,
)
from shardwright_operator.decide.next_stage import NextStage, fetched_for
from shardwright_operator.decide.observed import Job
from shardwright_operator.decide.progress import time_in_queue
from shardwright_operator.decide.pruning import pruned
from shardwright_operator.decide.retry import is_resolved
from shardwright_operator.decide.scope import Scope
from shardwright_worker.contract.report import ArtifactReport, Report
from shardwright_worker.contract.sizes import format_quantity
from shardwright_worker.contract.verification_levels import satisfies

MODELS = "/models"
_LONGEST = 1e9  # seconds


def take_report(scope: Scope, stage: NextStage, job: Job, report: Report) -> Status:
    """Return the status after a stage that succeeded. A prepare stage may have found the artifact published."""
    status, spec = scope.status, scope.spec
    update: dict[str, Any] = {"job": None, "progress": None}
    proven = report.artifact is not None and satisfies(report.artifact.verified_by, spec.verification)
    if proven or stage.restores or is_resolved(scope):
        update |= {"retry": None, "last_failure": None}
    update["duration_seconds"] = _durations(scope, stage, job, report)
    if stage.stage == "Prepare" and report.source:
        update["source"] = source_of(scope, report)
    if report.artifact is None and status.artifact and status.artifact.key == report.key:
        update |= {"artifact": None, "serving": None}  # other inputs led to the same artifact, and it is not there
    if report.artifact:
        update["artifact"] = artifact_of(scope, report.artifact)
        same = status.artifact is not None and status.artifact.key == report.artifact.key
        # What is verified less than asked is not newly offered; what was offered stays so until it is disproved.
        update["serving"] = serving_of(spec, report.artifact) if proven or (same and status.serving) else None
        update["maintenance"] = _maintenance(scope, stage, report.artifact.key, report)
    return status.model_copy(update=update)


def _maintenance(scope: Scope, stage: NextStage, key: str, report: Report) -> Maintenance:
    """Return status.maintenance with what the report says of pruning and of the source."""
    done, problem = scope.status.maintenance, report.maintenance.source_problem
    done = done.update(source_changed=f"The source could not be inspected: {problem}" if problem else None)
    if stage.downloads_source:
        done = done.update(source_fetched_for=fetched_for(key, scope.spec.verification))
    return pruned(done, scope.spec, key, report, scope.now) if stage.prunes else done


def kept_artifact(status: Status, disproved: str) -> Artifact | None:
    """Return the published artifact, unless it is the one that a stock vLLM could not load to the same weights."""
    return status.artifact if status.artifact and status.artifact.key != disproved else None


def kept_serving(status: Status, disproved: str) -> Serving | None:
    """Return how to serve it, likewise."""
    return status.serving if kept_artifact(status, disproved) else None


def _durations(scope: Scope, stage: NextStage, job: Job, report: Report) -> Durations:
    named = {name: report.duration_seconds.get(str(field.alias)) for name, field in Durations.model_fields.items()}
    known = {name: value for name, value in named.items() if value is not None}
    seconds = {name: round(value, 1) for name, value in known.items() if 0 <= value < _LONGEST}  # no NaN, no infinity
    queued = time_in_queue(scope.observed, job)
    if stage.stage == "Shard" and queued is not None:
        seconds["queue"] = round(queued, 1)
    return scope.status.duration_seconds.model_copy(update=seconds)


def source_of(scope: Scope, report: Report) -> ResolvedSource:
    """Return the source that prepare has resolved."""
    assert report.source is not None
    return ResolvedSource(
        **report.source.model_dump(),
        name=source_name(scope.spec, report.source.revision),
        key=report.key,
        inputs=scope.inputs.source,
        claim_uid=scope.claim.uid,
    )


def source_name(spec: Spec, revision: str) -> str:
    """Return the short name of the source: repository and commit, or claim and path."""
    if hub := spec.source.hugging_face:
        return f"{hub.repo}@{revision[:8]}"
    claim = spec.source.persistent_volume_claim
    return f"{claim.claim_name}:{claim.path or '/'}" if claim else ""


def artifact_of(scope: Scope, report: ArtifactReport) -> Artifact:
    """Return what is published, as the status shows it."""
    engine = scope.spec.engine
    return Artifact(
        claim_name=scope.claim.name,
        path=report.path,
        key=report.key,
        manifest_digest=report.manifest_digest,
        source_revision=report.source_revision,
        bytes=report.bytes,
        size=format_quantity(report.bytes),
        files=report.files,
        tensor_parallel_size=engine.tensor_parallel_size,
        pipeline_parallel_size=engine.pipeline_parallel_size,
        engine_image=scope.inputs.image,
        vllm_version=report.vllm_version,
        accelerator=report.accelerator,
        verified_by=report.verified_by,
        completed_at=_moment(report.completed_at) or scope.now,
        inputs=scope.inputs.artifact,
        claim_uid=scope.claim.uid,
        checked_at=scope.now,
        check_depth=report.check_depth,
        measured=Measured.model_validate(report.measured.model_dump()) if report.measured else None,
    )


def _moment(text: str) -> datetime | None:
    """Return a worker's time in UTC, to the second, as the API server takes it; None if it is not a plausible time."""
    try:
        time = datetime.fromisoformat(text)
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None
    return time if 2000 <= time.year <= 2999 else None


def serving_of(spec: Spec, report: ArtifactReport) -> Serving:
    """Return arguments for a stock `vllm serve` and the volume they expect; no file beside the artifact is needed.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/sharded_state_loader.py
    """
    args = ["--model", f"{MODELS}/{report.path}", "--load-format", "sharded_state"]
    args += spec.engine.settings().serving_arguments()
    if spec.output.file_pattern:
        args += ["--model-loader-extra-config", json.dumps({"pattern": spec.output.file_pattern})]
    claim = spec.output.persistent_volume_claim.claim_name
    mount = f"{MODELS}/{report.path}"
    return Serving(args=args, volume=ServingVolume(claim_name=claim, sub_path=report.path, mount_path=mount))

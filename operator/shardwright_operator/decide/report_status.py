"""From a worker's report to what the status says of source, artifact and serving."""

import json
from datetime import UTC, datetime
from typing import Any

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
from shardwright_operator.decide.fingerprint import engine_image
from shardwright_operator.decide.next_stage import Need, fetched_for
from shardwright_operator.decide.observed import Claim, Job
from shardwright_operator.decide.progress import time_in_queue
from shardwright_operator.decide.pruning import pruned
from shardwright_operator.decide.retry import is_made_good
from shardwright_operator.decide.scope import Case
from shardwright_worker.contract.report import ArtifactReport, Report
from shardwright_worker.contract.verification_levels import satisfies

MODELS = "/models"
_LONGEST = 1e9  # seconds


def take_report(case: Case, need: Need, job: Job, report: Report) -> Status:
    """The status after a stage that went well. A prepare stage may have found the artifact finished."""
    status, spec, claim = case.status, case.spec, case.claim
    update: dict[str, Any] = {"job": None, "progress": None}
    proven = report.artifact is not None and satisfies(report.artifact.verified_by, spec.verification)
    if proven or need.restores or is_made_good(status, case.retry_inputs()):
        update |= {"retry": None, "last_failure": None}
    update["duration_seconds"] = _durations(case, need, job, report)
    if need.stage == "Prepare" and report.source:
        update["source"] = source_of(case, need, report)
    if report.artifact is None and status.artifact and status.artifact.key == report.key:
        update |= {"artifact": None, "serving": None}  # other inputs led to the same artifact, and it is not there
    if report.artifact:
        image = engine_image(case.config, case.observed.resource, spec)
        update["artifact"] = artifact_of(spec, claim, image, case.wanted(), report.artifact, case.now)
        same = status.artifact is not None and status.artifact.key == report.artifact.key
        # What is proven less than asked is not offered anew; what was offered stays so until it is disproven.
        update["serving"] = serving_of(spec, report.artifact) if proven or (same and status.serving) else None
        update["maintenance"] = _maintenance(case, need, report.artifact.key, report)
    return status.model_copy(update=update)


def _maintenance(case: Case, need: Need, key: str, report: Report) -> Maintenance:
    """What the report says of pruning and of the source."""
    done, unseen = case.status.maintenance, report.maintenance.source_problem
    done = done.update(source_changed=f"The source could not be inspected: {unseen}" if unseen else None)
    if need.fetches:
        done = done.update(source_fetched_for=fetched_for(key, case.spec.verification))
    return pruned(done, case.spec, key, report, case.now) if need.prunes else done


def kept_artifact(status: Status, disproven: str) -> Artifact | None:
    """The published artifact, unless it is the one that a stock vLLM could not load to the same weights."""
    return status.artifact if status.artifact and status.artifact.key != disproven else None


def kept_serving(status: Status, disproven: str) -> Serving | None:
    """How to serve it, likewise."""
    return status.serving if kept_artifact(status, disproven) else None


def _durations(case: Case, need: Need, job: Job, report: Report) -> Durations:
    told = {name: value for name, value in report.duration_seconds.items() if name in Durations.model_fields}
    seconds = {name: round(value, 1) for name, value in told.items() if 0 <= value < _LONGEST}  # no NaN, no infinity
    queued = time_in_queue(case.observed, job)
    if need.stage == "Shard" and queued is not None:
        seconds["queue"] = round(queued, 1)
    return case.status.duration_seconds.model_copy(update=seconds)


def source_of(case: Case, need: Need, report: Report) -> ResolvedSource:
    """The source that prepare has resolved."""
    assert report.source is not None
    values = report.source.model_dump()
    name = source_name(case.spec, report.source.revision)
    uid = case.claim.uid
    return ResolvedSource(**values, name=name, key=report.key, inputs=need.source_inputs, claim_uid=uid)


def source_name(spec: Spec, revision: str) -> str:
    """The source in a word for people: repository and commit, or claim and path."""
    if hub := spec.source.hugging_face:
        return f"{hub.repo}@{revision[:8]}"
    claim = spec.source.persistent_volume_claim
    return f"{claim.claim_name}:{claim.path or '/'}" if claim else ""


def size_text(count: int) -> str:
    """Bytes with a binary unit: 14.9Gi."""
    value, unit = float(count), ""
    for unit in ("", "Ki", "Mi", "Gi", "Ti"):
        if value < 1024 or unit == "Ti":
            break
        value /= 1024
    return f"{value:.1f}{unit}" if unit else str(count)


def artifact_of(spec: Spec, claim: Claim, image: str, wanted: str, report: ArtifactReport, now: datetime) -> Artifact:
    """What is published, as the status shows it."""
    return Artifact(
        claim_name=claim.name,
        path=report.path,
        key=report.key,
        manifest_digest=report.manifest_digest,
        source_revision=report.source_revision,
        bytes=report.bytes,
        size=size_text(report.bytes),
        files=report.files,
        tensor_parallel_size=spec.engine.tensor_parallel_size,
        pipeline_parallel_size=spec.engine.pipeline_parallel_size,
        engine_image=image,
        vllm_version=report.vllm_version,
        accelerator=report.accelerator,
        verified_by=report.verified_by,
        completed_at=_moment(report.completed_at) or now,
        inputs=wanted,
        claim_uid=claim.uid,
        checked_at=now,
        check_depth=report.check_depth,
    )


def _moment(text: str) -> datetime | None:
    """A worker's time in UTC, to the second, as the API server takes it; None if it is no time of our days."""
    try:
        time = datetime.fromisoformat(text)
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None
    return time if 2000 <= time.year <= 2999 else None


def serving_of(spec: Spec, report: ArtifactReport) -> Serving:
    """Arguments for a stock `vllm serve` and the volume they expect; needs no other file than the artifact."""
    args = ["--model", f"{MODELS}/{report.path}", "--load-format", "sharded_state"]
    args += spec.engine.settings().serving_arguments()
    if spec.output.file_pattern:
        args += ["--model-loader-extra-config", json.dumps({"pattern": spec.output.file_pattern})]
    claim = spec.output.persistent_volume_claim.claim_name
    mount = f"{MODELS}/{report.path}"
    return Serving(args=args, volume=ServingVolume(claim_name=claim, sub_path=report.path, mount_path=mount))

"""From a worker's report to what the status says of source, artifact and serving."""

import json
from datetime import datetime
from typing import Any

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import (
    Artifact,
    Durations,
    Failure,
    ResolvedSource,
    Retry,
    Serving,
    ServingVolume,
    Status,
)
from shardwright_operator.decide.need import Need
from shardwright_operator.decide.world import Claim
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import ArtifactReport, Report

MODELS = "/models"


def take_report(
    status: Status, spec: Spec, claim: Claim, image: str, wanted: str, need: Need, report: Report, now: datetime
) -> Status:
    """The status after a stage that went well. A prepare stage may have found the artifact finished."""
    update: dict[str, Any] = {"job": None, "progress": None, "last_failure": None, "retry": None}
    seconds = {name: round(value, 1) for name, value in report.durations.items() if name in Durations.model_fields}
    update["durations"] = status.durations.model_copy(update=seconds)
    if need.stage == "Prepare" and report.source:
        update["source"] = _source_of(spec, report, need, claim.uid)
    if report.artifact:
        update["artifact"] = artifact_of(spec, claim, image, wanted, report.artifact, now)
        update["serving"] = serving_of(spec, report.artifact)
        if report.upkeep and need.upkeep:
            prunes = {"prunedFor": f"{report.artifact.key}/{spec.output.keep}"}
            update["upkeep"] = {**report.upkeep, **prunes}
    return status.model_copy(update=update)


def _source_of(spec: Spec, report: Report, need: Need, claim_uid: str) -> ResolvedSource | None:
    if report.source is None:
        return None
    values = report.source.model_dump()
    name = source_name(spec, report.source.revision)
    return ResolvedSource(**values, name=name, key=report.key, inputs=need.source_inputs, claim_uid=claim_uid)


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


def is_damage(status: Status, need: Need, report: Report) -> bool:
    """Whether prepare looked after the published artifact and did not find it whole."""
    found = need.stage == "Prepare" and need.upkeep and status.artifact is not None
    return found and report.artifact is None and status.artifact is not None and report.key == status.artifact.key


def take_damage(status: Status, spec: Spec, need: Need, report: Report, inputs: str, now: datetime) -> Status:
    """The status after the published artifact was found damaged or gone.

    It is built anew if the spec says so, or if a person asked for this look; otherwise that person is waited for.
    """
    assert status.artifact is not None
    asked = status.source is None or status.source.inputs != need.source_inputs
    source = _source_of(spec, report, need, status.artifact.claim_uid)
    gone = {"job": None, "progress": None, "artifact": None, "serving": None, "source": source}
    if asked or (spec.recheck and spec.recheck.rebuild):
        return status.model_copy(update={**gone, "retry": None})
    job = status.job
    failure = Failure(
        reason=Reason.ARTIFACT_DAMAGED,
        message=f"Artifact {status.artifact.path} is incomplete, changed or gone",
        stage=need.stage,
        job=job.name if job else "",
        attempt=job.attempt if job else 0,
        time=now,
    )
    retry = Retry(inputs=inputs, failures=1, stopped=True)
    return status.model_copy(update={**gone, "retry": retry, "last_failure": failure})


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
        completed_at=datetime.fromisoformat(report.completed_at) if report.completed_at else now,
        inputs=wanted,
        claim_uid=claim.uid,
        checked_at=now,
    )


def serving_of(spec: Spec, report: ArtifactReport) -> Serving:
    """Arguments for a stock `vllm serve` and the volume they expect; needs no other file than the artifact."""
    args = ["--model", f"{MODELS}/{report.path}", "--load-format", "sharded_state"]
    args += spec.engine.settings().serving_arguments()
    if spec.output.file_pattern:
        args += ["--model-loader-extra-config", json.dumps({"pattern": spec.output.file_pattern})]
    claim = spec.output.persistent_volume_claim.claim_name
    mount = f"{MODELS}/{report.path}"
    return Serving(args=args, volume=ServingVolume(claim_name=claim, sub_path=report.path, mount_path=mount))

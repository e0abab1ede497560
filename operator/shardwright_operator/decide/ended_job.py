"""The check on a Job that has finished or is gone: its report or its failure goes into the status."""

from shardwright_operator.decide import retry
from shardwright_operator.decide.attempt import with_job
from shardwright_operator.decide.job_result import JobResult, judge, vanished
from shardwright_operator.decide.maintenance import maintained
from shardwright_operator.decide.next_stage import NextStage
from shardwright_operator.decide.observed import Job
from shardwright_operator.decide.report_status import kept_artifact, kept_serving, take_report
from shardwright_operator.decide.scope import Scope
from shardwright_worker.contract.reasons import Reason


def ended_job(scope: Scope) -> Scope:
    """Take the result of the attempt. What follows is decided at once, so that one write of the status shows both."""
    stage, attempt = scope.next_stage, scope.attempt
    job = scope.observed.job(attempt.name) if attempt else None
    if stage is None or attempt is None or (job is None and attempt.started_at is None):
        return scope  # no attempt, or one whose Job is still to be created
    if job is not None:
        attempt = with_job(attempt, job)
        scope = scope.update(job=attempt, attempt=max(scope.status.attempt, attempt.attempt))
    result = judge(scope, stage, job, attempt) if job else vanished(scope, attempt)
    if result.report is not None and job is not None:
        status = maintained(scope, stage, result.report) or take_report(scope, stage, job, result.report)
        return scope.with_status(status)
    return _failed(scope, stage, job, result)


def _failed(scope: Scope, stage: NextStage, job: Job | None, result: JobResult) -> Scope:
    """Record the failure, and forget what it has disproved."""
    assert result.failure is not None
    reason = result.failure.reason
    scope = scope.with_status(retry.record_failure(scope, result.failure))
    final = scope.status.retry is not None and scope.status.retry.stopped
    may_be_published = job is None or job.complete or (final and result.unreported)
    if stage.stage == "Shard" and (may_be_published or reason is Reason.SOURCE_CHANGED):
        # Prepare checks whether it is before accelerators are taken again.
        scope = _inspect_again(scope)
    if reason is Reason.ARTIFACT_DAMAGED:
        scope = _without_damaged(scope, stage)
    if stage.stage == "Shard" and reason is Reason.VERIFICATION_FAILED:
        artifact, serving = kept_artifact(scope.status, stage.key), kept_serving(scope.status, stage.key)
        scope = scope.update(artifact=artifact, serving=serving)
    return scope


def _inspect_again(scope: Scope) -> Scope:
    """Distrust what is known of the source and its artifact: prepare resolves and inspects both before all else."""
    source = scope.status.source
    return scope.update(source=source.model_copy(update={"inputs": ""})) if source else scope


def _without_damaged(scope: Scope, stage: NextStage) -> Scope:
    """Forget an artifact that is damaged: another folder has its name, or a part of it is gone.

    A first prepare does not say which artifact that was. It may be the published one, should the spec lead back to it.
    """
    artifact = scope.status.artifact
    if artifact is None or (stage.stage == "Shard" and artifact.key != stage.key):
        return scope
    if stage.stage == "Prepare" and not stage.maintains:
        return _inspect_again(scope)
    return scope.update(artifact=None, serving=None)

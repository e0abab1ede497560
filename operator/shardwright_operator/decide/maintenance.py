"""What a prepare Job that inspected the published artifact found wrong with it or with its source."""

from shardwright_operator.api.names import REQUESTED_AT
from shardwright_operator.api.status import Failure, ResolvedSource, RetryRecord, Status
from shardwright_operator.decide.next_stage import NextStage
from shardwright_operator.decide.pruning import pruned
from shardwright_operator.decide.report_status import source_of
from shardwright_operator.decide.scope import Scope
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import Report

_CLEARED = {"job": None, "progress": None, "retry": None, "last_failure": None}


def maintained(scope: Scope, stage: NextStage, report: Report) -> Status | None:
    """Return the status after maintenance that found something wrong, None if it did not."""
    artifact = scope.status.artifact
    if stage.restores:
        return None if report.artifact else _still_damaged(scope, report)
    if not stage.maintains or artifact is None:
        return None
    if report.source is None:  # it could not be inspected, and the report says why; the artifact was
        return None if report.artifact else _damaged(scope, stage, scope.status.source, report.message)
    requested = not stage.scheduled
    if report.key == artifact.key:
        source = source_of(scope, report)
        return None if report.artifact else _damaged(scope, stage, source, report.message, requested)
    if requested:
        return None  # the artifact of what the source is now is built
    if report.maintenance.damage:
        return _damaged(scope, stage, scope.status.source, report.maintenance.damage)
    return _changed(scope, stage, report)


def _damaged(
    scope: Scope, stage: NextStage, source: ResolvedSource | None, message: str, requested: bool = False
) -> Status:
    """Rebuild it if spec.recheck asks for that or the user has requested this check; otherwise stop."""
    status, job, spec = scope.status, scope.status.job, scope.spec
    assert status.artifact is not None
    gone = {"job": None, "progress": None, "artifact": None, "serving": None, "source": source, "retry": None}
    if requested or (spec.recheck and spec.recheck.rebuild):
        return status.model_copy(update=gone)
    failure = Failure(
        reason=Reason.ARTIFACT_DAMAGED,
        message=message or f"Artifact {status.artifact.path} is incomplete, changed or gone",
        stage=stage.stage,
        job=job.name if job else "",
        attempt=job.attempt if job else 0,
        time=scope.now,
    )
    record = RetryRecord(inputs=scope.inputs.retry, failures=1, stopped=True)
    return status.model_copy(update={**gone, "retry": record, "last_failure": failure})


def _still_damaged(scope: Scope, report: Report) -> Status:
    """Keep the failure, with the time of this check. Nothing is built, unless the spec has come to ask for that."""
    status, source = scope.status, scope.status.source
    if scope.spec.recheck and scope.spec.recheck.rebuild and source and report.key == source.key:
        return status.model_copy(update=_CLEARED)
    assert status.last_failure is not None
    again = status.last_failure.model_copy(update={"time": scope.now})
    return status.model_copy(update={"job": None, "progress": None, "last_failure": again})


def _changed(scope: Scope, stage: NextStage, report: Report) -> Status:
    """Note that the source on the claim is another one now. Nothing is built from it unless the user requests that."""
    status, artifact, recheck = scope.status, scope.status.artifact, scope.spec.recheck
    assert artifact is not None
    same = report.source is not None and status.source is not None and report.source.digest == status.source.digest
    what = "The image that names artifacts" if same else "The source"
    note = f"{what} has changed since; to build from it, set the annotation {REQUESTED_AT}"
    deep = recheck is not None and recheck.deep and not stage.prunes
    checked = artifact.model_copy(update={"checked_at": scope.now, "check_depth": "Bytes" if deep else "Headers"})
    done = status.maintenance
    done = pruned(done, scope.spec, artifact.key, report, scope.now) if stage.prunes else done
    update = {**_CLEARED, "maintenance": done.update(source_changed=note), "artifact": checked}
    return status.model_copy(update=update)

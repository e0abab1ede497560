"""What a prepare Job found that looked after the published artifact."""

from shardwright_operator.api.names import REQUESTED_AT
from shardwright_operator.api.status import Failure, ResolvedSource, Retry, Status
from shardwright_operator.decide.next_stage import Need
from shardwright_operator.decide.pruning import pruned
from shardwright_operator.decide.report_status import source_of
from shardwright_operator.decide.scope import Case
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import Report


def look_after(case: Case, need: Need, report: Report) -> Status | None:
    """The status after an upkeep that found something else than the artifact in order, None if it did not."""
    status, artifact = case.status, case.status.artifact
    if need.restores:
        return None if report.artifact else _still_damaged(case, report)
    if not need.upkeep or artifact is None:
        return None
    if report.source is None:  # it could not be looked at, which is told; the artifact was
        return None if report.artifact else _damaged(case, need, status.source, False, report.message)
    asked = status.source is None or status.source.inputs != need.source_inputs
    if report.key == artifact.key:
        return None if report.artifact else _damaged(case, need, source_of(case, need, report), asked, report.message)
    if (words := report.maintenance.damage) and not asked and status.source:
        return _damaged(case, need, status.source, asked, words)
    return None if asked else _changed(case, need, report)


def _damaged(case: Case, need: Need, source: ResolvedSource | None, asked: bool, what: str) -> Status:
    """It is built anew if the spec says so or a person asked for this look; otherwise that person is waited for."""
    status, job, spec = case.status, case.status.job, case.spec
    assert status.artifact is not None
    gone = {"job": None, "progress": None, "artifact": None, "serving": None, "source": source, "retry": None}
    if asked or (spec.recheck and spec.recheck.rebuild):
        return status.model_copy(update=gone)
    failure = Failure(
        reason=Reason.ARTIFACT_DAMAGED,
        message=what or f"Artifact {status.artifact.path} is incomplete, changed or gone",
        stage=need.stage,
        job=job.name if job else "",
        attempt=job.attempt if job else 0,
        time=case.now,
    )
    retry = Retry(inputs=case.retry_inputs(), failures=1, stopped=True)
    return status.model_copy(update={**gone, "retry": retry, "last_failure": failure})


def _still_damaged(case: Case, report: Report) -> Status:
    """The same failure, seen again now: unless the spec says so by now, nothing is built."""
    source = case.status.source
    if case.spec.recheck and case.spec.recheck.rebuild and source and report.key == source.key:
        return case.status.model_copy(update={"job": None, "progress": None, "retry": None, "last_failure": None})
    failure = case.status.last_failure
    assert failure is not None
    again = failure.model_copy(update={"time": case.now})
    return case.status.model_copy(update={"job": None, "progress": None, "last_failure": again})


def _changed(case: Case, need: Need, report: Report) -> Status:
    """The source on the claim is another one now. Nobody asked for that, so nothing is built from it."""
    status, artifact = case.status, case.status.artifact
    assert artifact is not None
    same = report.source is not None and status.source is not None and report.source.digest == status.source.digest
    what = "The image that names artifacts" if same else "The source"
    note = f"{what} has changed since; to build from it, set the annotation {REQUESTED_AT}"
    check_depth = "Bytes" if case.spec.recheck and case.spec.recheck.deep and not need.prunes else "Headers"
    checked = {"checked_at": case.now, "check_depth": check_depth}
    done = status.maintenance
    done = pruned(done, case.spec, artifact.key, report, case.now) if need.prunes else done
    maintenance = done.update(source_changed=note)
    update = {"job": None, "progress": None, "retry": None, "last_failure": None, "maintenance": maintenance}
    return status.model_copy(update={**update, "artifact": artifact.model_copy(update=checked)})

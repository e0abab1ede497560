"""The result of a Job: only the Job's own terminal condition says that it has ended; its pod and report say why."""

from dataclasses import dataclass
from datetime import datetime

from shardwright_operator.api.names import VERIFICATION
from shardwright_operator.api.status import Failure, JobStatus, Status
from shardwright_operator.decide.failure_cause import Cause, cause_of
from shardwright_operator.decide.next_stage import NextStage
from shardwright_operator.decide.observed import Job, Observed, Pod, newest
from shardwright_operator.decide.scope import Scope
from shardwright_operator.decide.sentences import clean, sentences
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import Report, read_report
from shardwright_worker.contract.verification_levels import satisfies

_MESSAGE_LIMIT = 1500
_MOST_RANKS = 2**20


@dataclass(frozen=True, slots=True)
class JobResult:
    """Exactly one of report and failure. `unreported`: a worker has run, and left no report on how that ended."""

    report: Report | None = None
    failure: Failure | None = None
    unreported: bool = False


def judge(scope: Scope, stage: NextStage, job: Job, attempt: JobStatus) -> JobResult:
    """Return the result of a finished Job."""
    pod = _last_pod(scope.observed, job.name)
    report = read_report(pod.termination_message) if pod else None
    if job.complete and pod and report and _is_success(report, pod) and _answers(report, stage, job, scope.status):
        return JobResult(report=report)
    cause = cause_of(scope, job, attempt, pod, report)
    rank = report.rank if report else None
    failure = _failure(attempt, cause, job.finished_at or scope.now, pod.exit_code if pod else None, rank)
    return JobResult(failure=failure, unreported=cause.ran and (report is None or report.succeeded))


def vanished(scope: Scope, attempt: JobStatus) -> JobResult:
    """Return the result of a Job that was created and is gone. One that has run counts, so that retries end."""
    pod = _last_pod(scope.observed, attempt.name)
    gone = f"Job {attempt.name} is gone: a user or its TTL deleted it before its result was recorded"
    message = sentences(gone, _last_seen(scope.status, attempt, pod))
    ran = bool(attempt.pod) or (pod is not None and pod.started_at is not None)
    cause = Cause(Reason.DISRUPTED, message, counts=ran)
    return JobResult(failure=_failure(attempt, cause, scope.now, pod.exit_code if pod else None, None))


def _failure(attempt: JobStatus, cause: Cause, time: datetime, exit_code: int | None, rank: int | None) -> Failure:
    return Failure(
        reason=cause.reason,
        message=clean(cause.message, _MESSAGE_LIMIT),
        stage=attempt.stage,
        job=attempt.name,
        attempt=attempt.attempt,
        exit_code=exit_code,
        rank=rank if rank is not None and 0 <= rank <= _MOST_RANKS else None,
        time=time,
        counts=cause.counts,
        retry_after_seconds=cause.retry_after,
    )


def _is_success(report: Report, pod: Pod) -> bool:
    """Whether report and pod agree: a success with the reason of a failure, or of a pod that failed, is not one."""
    return report.succeeded and pod.exit_code == 0 and report.exit_code == 0 and report.reason == Reason.SUCCEEDED


def _answers(report: Report, stage: NextStage, job: Job, status: Status) -> bool:
    """Whether a success reports what the Job was asked for; the same Job would only be created again otherwise."""
    artifact, published = report.artifact, status.artifact
    if artifact is not None and artifact.key != report.key:
        return False
    if stage.stage == "Prepare":
        # An inspection of what is published reports what it found, whether there is a source or not.
        inspected = stage.maintains and published is not None and published.key == report.key
        return bool(report.key) and (report.source is not None or inspected)
    # The spec may ask for a higher level by now: that is for the next stage, and not a failure of this Job.
    level = job.labels.get(VERIFICATION, stage.level)
    return artifact is not None and artifact.key == stage.key and satisfies(artifact.verified_by, level)


def _last_pod(observed: Observed, job: str) -> Pod | None:
    pods = observed.pods_of(job)
    return newest([pod for pod in pods if pod.exit_code is not None or pod.phase in ("Failed", "Succeeded")] or pods)


def _last_seen(status: Status, attempt: JobStatus, pod: Pod | None) -> str:
    """What was known of a Job while it existed."""
    if pod is not None and pod.exit_code is not None:
        return f"Its pod {pod.name} had ended with exit code {pod.exit_code}"
    if status.progress:
        return f"It was last seen in the stage {status.progress.stage}"
    if attempt.pod:
        return f"Its pod {attempt.pod} had started"
    return "No pod of it was seen to run"

"""What a finished Job means. Only the Job's own final condition judges it; its pod tells why."""

from dataclasses import dataclass
from datetime import datetime

from shardwright_operator.api.names import READY, VERIFICATION
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Failure, JobStatus, Status
from shardwright_operator.decide.next_stage import Need
from shardwright_operator.decide.observed import Job, Observed, Pod
from shardwright_operator.decide.pod_failure import said_of, whose_image
from shardwright_operator.decide.sentences import clause, clean, last_lines, sentences
from shardwright_worker.contract.reasons import MEANINGS, Reason, reason_of_exit_code
from shardwright_worker.contract.report import Report, read_report
from shardwright_worker.contract.verification_levels import satisfies

LONGEST_REST = 86400.0  # seconds; no hub is waited for longer, whatever it asks for
_MESSAGE_LIMIT = 1500
_MOST_RANKS = 2**20
_SIGTERM = 143
# What a worker makes of a process of its own that the kernel killed for its memory; the container's state knows better.
_GUESSES = (
    Reason.WORKER_PROTOCOL_ERROR,
    Reason.UNEXPECTED_ERROR,
    Reason.COMMUNICATION_FAILED,
    Reason.VERIFICATION_FAILED,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exactly one of report and failure. `unheard`: a worker has run, and has not said itself how that ended."""

    report: Report | None = None
    failure: Failure | None = None
    unheard: bool = False


@dataclass(frozen=True, slots=True)
class _Cause:
    """Why it failed; `counts`: it uses up one of spec.job.maxAttempts; `ran`: a worker of ours was there."""

    reason: Reason
    message: str
    counts: bool = True
    retry_after: float | None = None
    ran: bool = True


def judge(observed: Observed, spec: Spec, need: Need, job: Job, attempt: JobStatus, now: datetime) -> Outcome:
    """The outcome of a finished Job."""
    pod = _last_pod(observed, job.name)
    report = read_report(pod.termination_message) if pod else None
    if job.complete and pod and report and _is_success(report, pod) and _answers(report, need, job, observed):
        return Outcome(report=report)
    cause = _cause(observed, spec, job, attempt, pod, report)
    rank = report.rank if report else None
    failure = _failure(attempt, cause, job.finished_at or now, pod.exit_code if pod else None, rank)
    return Outcome(failure=failure, unheard=cause.ran and (report is None or report.succeeded))


def vanished(observed: Observed, attempt: JobStatus, now: datetime) -> Outcome:
    """The outcome of a Job that had been created and is there no more. One that has run counts, so that it ends."""
    pod = _last_pod(observed, attempt.name)
    gone = f"Job {attempt.name} is gone: somebody or its time to live deleted it before its outcome was on record"
    message = sentences(gone, _last_seen(observed.resource.status, attempt, pod))
    ran = bool(attempt.pod) or (pod is not None and pod.started_at is not None)
    code = pod.exit_code if pod else None
    return Outcome(failure=_failure(attempt, _Cause(Reason.DISRUPTED, message, counts=ran), now, code, None))


def _failure(attempt: JobStatus, cause: _Cause, time: datetime, exit_code: int | None, rank: int | None) -> Failure:
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
    """Whether report and pod agree: a success with the reason of a failure, or of a pod that failed, is none."""
    return report.succeeded and pod.exit_code == 0 and report.exit_code == 0 and report.reason == Reason.SUCCEEDED


def _answers(report: Report, need: Need, job: Job, observed: Observed) -> bool:
    """Whether a success says what the Job was asked for; what does not would only be asked for again."""
    artifact, published = report.artifact, observed.resource.status.artifact
    if artifact is not None and artifact.key != report.key:
        return False
    if need.stage == "Prepare":
        # A look at what is published says what it found, be there a source or not.
        looked = need.upkeep and published is not None and published.key == report.key
        return bool(report.key) and (report.source is not None or looked)
    # The spec may ask for more by now: that is the next need, and no failure of this Job.
    asked = job.labels.get(VERIFICATION, need.level)
    return artifact is not None and artifact.key == need.key and satisfies(artifact.verified_by, asked)


def _last_pod(observed: Observed, job: str) -> Pod | None:
    pods = [pod for pod in observed.pods if pod.job_name == job]
    ended = [pod for pod in pods if pod.exit_code is not None or pod.phase in ("Failed", "Succeeded")]
    return max(ended or pods, key=lambda pod: (pod.created_at, pod.name), default=None)


def _cause(
    observed: Observed, spec: Spec, job: Job, attempt: JobStatus, pod: Pod | None, report: Report | None
) -> _Cause:
    if job.failed and job.failed[0] == "DeadlineExceeded":
        return _deadline(observed, spec, job, attempt)
    if pod is None:
        said = ": ".join(part for part in job.failed or ("", "") if part) or "no word"
        kind = "completed" if job.complete else "failed"
        message = f"Job {job.name} {kind} ({clause(said)}) and its pod is gone, with its report"
        return _Cause(Reason.WORKER_PROTOCOL_ERROR, message)
    failure = report if report and not report.succeeded and MEANINGS[report.reason].exit_code is not None else None
    if pod.terminated_reason == "OOMKilled" and (failure is None or failure.reason in _GUESSES):
        return _Cause(Reason.OUT_OF_MEMORY, f"Pod {pod.name} was killed for using more memory than its limit")
    if failure and failure.reason == Reason.DISRUPTED and pod.status_reason:
        return _without_report(job, attempt, pod, None)  # the worker knows that it was stopped, the node knows why
    if failure:
        return _reported(failure, spec, attempt)
    return _without_report(job, attempt, pod, report)


def _reported(report: Report, spec: Spec, attempt: JobStatus) -> _Cause:
    """The worker's own words. Who waits as long as a hub has asked has not failed; accelerators never wait for one."""
    if attempt.stage == "Shard" and report.reason is Reason.SOURCE_NOT_FOUND and spec.source.hugging_face:
        gone = (
            f"What was fetched of {spec.source.hugging_face.repo} is gone from the output claim, and is fetched again"
        )
        return _Cause(Reason.SOURCE_CHANGED, gone)
    asked = report.retry_after_seconds if attempt.stage == "Prepare" and MEANINGS[report.reason].retry else None
    asked = min(asked, LONGEST_REST) if asked is not None and asked > 0 else None  # NaN is not larger than 0
    counts = asked is None and report.reason != Reason.DISRUPTED
    return _Cause(report.reason, report.message or MEANINGS[report.reason].summary, counts, asked)


def _without_report(job: Job, attempt: JobStatus, pod: Pod, report: Report | None) -> _Cause:
    """What the node, the exit code or the last lines of the log tell of a worker without a report to go by."""
    if report is None and (said := said_of(pod)):
        message = sentences(said.message, whose_image(said.reason, attempt.stage))
        return _Cause(said.reason, message, counts=said.ran or not MEANINGS[said.reason].retry, ran=said.ran)
    if pod.disruption or pod.deleting or pod.exit_code in (_SIGTERM, 70):
        words = pod.disruption or pod.status_message
        return _Cause(Reason.DISRUPTED, f"Pod {pod.name} was stopped{': ' + words if words else ''}", counts=False)
    if pod.exit_code is not None and (known := reason_of_exit_code(pod.exit_code)):
        ended = f"The worker in pod {pod.name} ended with exit code {pod.exit_code}, without a report"
        return _Cause(known, _with_log(ended, pod, report))
    code = "" if pod.exit_code is None else f" with exit code {pod.exit_code}"
    if report is not None:
        kind = "a success" if report.succeeded else f"the failure {report.reason}"
        return _Cause(
            Reason.WORKER_PROTOCOL_ERROR,
            f"Pod {pod.name} ended{code} and reports {kind}, which does not fit to that or to what it was asked for",
        )
    if job.complete:
        return _Cause(Reason.WORKER_PROTOCOL_ERROR, f"Pod {pod.name} ended well, without a report that can be read")
    ended = f"Pod {pod.name} ended{code}, without a report that can be read"
    return _Cause(Reason.WORKER_PROTOCOL_ERROR, _with_log(ended, pod, report))


def _with_log(message: str, pod: Pod, report: Report | None) -> str:
    """The message with the end of the log, which stands in for a report that was not written."""
    log = last_lines(pod.termination_message, limit=700) if report is None else ""
    return f"{message}; the end of its log: {log}" if log else message


def _deadline(observed: Observed, spec: Spec, job: Job, attempt: JobStatus) -> _Cause:
    """Who has waited for room until the deadline has not used up an attempt."""
    status = observed.resource.status
    message = f"Job {job.name} ran longer than spec.job.deadline ({spec.job.deadline})"
    pods = [pod for pod in observed.pods if pod.job_name == job.name]
    has_run = any(pod.started_at is not None or pod.exit_code is not None for pod in pods)
    if has_run or attempt.pod or status.progress or attempt.started_at is None:
        seen = f", last seen in the stage {status.progress.stage}" if status.progress else ""
        return _Cause(Reason.DEADLINE_EXCEEDED, f"{message}{seen}")
    ready = status.condition(READY)
    waited = ready.message if ready and ready.reason not in (Reason.PROGRESSING, Reason.SUCCEEDED) else ""
    never = f"Job {job.name} waited longer than spec.job.deadline ({spec.job.deadline}) and its pod never ran"
    # Whose image cannot be pulled has a node, and holds its accelerators: that is no waiting for room.
    held = ready is not None and ready.reason == Reason.IMAGE_PULL_FAILED
    return _Cause(Reason.DEADLINE_EXCEEDED, sentences(f"{never}: {waited}" if waited else never), held, ran=False)


def _last_seen(status: Status, attempt: JobStatus, pod: Pod | None) -> str:
    """What was known of a Job when it was there."""
    if pod is not None and pod.exit_code is not None:
        return f"Its pod {pod.name} had ended with exit code {pod.exit_code}"
    if status.progress:
        return f"It was last seen in the stage {status.progress.stage}"
    if attempt.pod:
        return f"Its pod {attempt.pod} had started"
    return "No pod of it was seen to run"

"""Why a Job failed: by its worker's report, its node, its exit code, or the end of its log, in this order."""

from dataclasses import dataclass

from shardwright_operator.api.names import READY
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import JobStatus
from shardwright_operator.decide.observed import Job, Pod
from shardwright_operator.decide.pod_failure import failure_by_node, whose_image
from shardwright_operator.decide.scope import Scope
from shardwright_operator.decide.sentences import clause, last_lines, sentences
from shardwright_worker.contract.reasons import MEANINGS, Reason, reason_of_exit_code
from shardwright_worker.contract.report import LONGEST_RETRY_AFTER, Report

_SIGTERM = 143
# What a worker reports if the kernel killed a process of its own for its memory; the container's state says more.
_GUESSES = (
    Reason.WORKER_PROTOCOL_ERROR,
    Reason.UNEXPECTED_ERROR,
    Reason.COMMUNICATION_FAILED,
    Reason.VERIFICATION_FAILED,
)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why it failed; `counts`: it uses up one of spec.job.maxAttempts; `ran`: a worker process has started."""

    reason: Reason
    message: str
    counts: bool = True
    retry_after: float | None = None
    ran: bool = True


def cause_of(scope: Scope, job: Job, attempt: JobStatus, pod: Pod | None, report: Report | None) -> Cause:
    """Return why this Job failed. `pod` is its last pod, `report` what that has reported, if it can be read."""
    if job.failed and job.failed[0] == "DeadlineExceeded":
        return _deadline(scope, job, attempt)
    if pod is None:
        return _without_pod(job)
    failure = report if report and not report.succeeded and MEANINGS[report.reason].exit_code is not None else None
    if pod.terminated_reason == "OOMKilled" and (failure is None or failure.reason in _GUESSES):
        return Cause(Reason.OUT_OF_MEMORY, f"Pod {pod.name} was killed for using more memory than its limit")
    if failure and failure.reason == Reason.DISRUPTED and pod.status_reason:
        return _without_report(job, attempt, pod, None)  # the worker knows that it was stopped, the node knows why
    if failure:
        return _reported(failure, scope.spec, attempt)
    return _without_report(job, attempt, pod, report)


def _without_pod(job: Job) -> Cause:
    condition = clause(": ".join(part for part in job.failed or ("", "") if part))
    kind = "completed" if job.complete else "failed"
    message = f"Job {job.name} {kind}{f' ({condition})' if condition else ''}; its pod and termination message are gone"
    return Cause(Reason.WORKER_PROTOCOL_ERROR, message)


def _reported(report: Report, spec: Spec, attempt: JobStatus) -> Cause:
    """The worker's own report. To wait as long as a Hub asks is not a failure; accelerators never wait for one."""
    hub = spec.source.hugging_face
    if attempt.stage == "Shard" and report.reason is Reason.SOURCE_NOT_FOUND and hub:
        missing = f"The download of {hub.repo} is missing from the output claim; it is downloaded again"
        return Cause(Reason.SOURCE_CHANGED, missing)
    asked = report.retry_after_seconds if attempt.stage == "Prepare" and MEANINGS[report.reason].retry else None
    asked = min(asked, LONGEST_RETRY_AFTER) if asked is not None and asked > 0 else None  # NaN is not larger than 0
    counts = asked is None and report.reason != Reason.DISRUPTED
    return Cause(report.reason, report.message or MEANINGS[report.reason].summary, counts, asked)


def _without_report(job: Job, attempt: JobStatus, pod: Pod, report: Report | None) -> Cause:
    """What the node, the exit code or the last lines of the log say where there is no report of a failure."""
    if report is None and (found := failure_by_node(pod)):
        message = sentences(found.message, whose_image(found.reason, attempt.stage))
        counts = found.ran or not MEANINGS[found.reason].retry
        return Cause(found.reason, message, counts=counts, ran=found.ran)
    if pod.disruption or pod.deleting or pod.exit_code in (_SIGTERM, MEANINGS[Reason.DISRUPTED].exit_code):
        why = pod.disruption or pod.status_message
        return Cause(Reason.DISRUPTED, f"Pod {pod.name} was stopped{': ' + why if why else ''}", counts=False)
    if pod.exit_code is not None and (known := reason_of_exit_code(pod.exit_code)):
        ended = f"The worker in pod {pod.name} ended with exit code {pod.exit_code}, without a report"
        return Cause(known, _with_log(ended, pod, report))
    code = "" if pod.exit_code is None else f" with exit code {pod.exit_code}"
    if report is not None:
        kind = "a success" if report.succeeded else f"the failure {report.reason}"
        message = f"Pod {pod.name} ended{code} and reports {kind}, which contradicts that or its Job's arguments"
        return Cause(Reason.WORKER_PROTOCOL_ERROR, message)
    if job.complete:
        message = f"Pod {pod.name} ended with exit code 0, without a readable report"
        return Cause(Reason.WORKER_PROTOCOL_ERROR, message)
    ended = f"Pod {pod.name} ended{code}, without a readable report"
    return Cause(Reason.WORKER_PROTOCOL_ERROR, _with_log(ended, pod, report))


def _with_log(message: str, pod: Pod, report: Report | None) -> str:
    """The message with the end of the log, which the kubelet takes for a report that was not written.

    https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/#customizing-the-termination-message
    """
    log = last_lines(pod.termination_message, limit=700) if report is None else ""
    return f"{message}; the end of its log: {log}" if log else message


def _deadline(scope: Scope, job: Job, attempt: JobStatus) -> Cause:
    """A Job that has waited for resources until its deadline has not used up an attempt."""
    status, deadline = scope.status, scope.spec.job.deadline
    has_run = any(pod.started_at is not None or pod.exit_code is not None for pod in scope.observed.pods_of(job.name))
    if has_run or attempt.pod or status.progress or attempt.started_at is None:
        seen = f", last seen in the stage {status.progress.stage}" if status.progress else ""
        message = f"Job {job.name} ran longer than spec.job.deadline ({deadline}){seen}"
        return Cause(Reason.DEADLINE_EXCEEDED, message)
    ready = status.condition(READY)
    waited = ready.message if ready and ready.reason not in (Reason.PROGRESSING, Reason.SUCCEEDED) else ""
    never = f"Job {job.name} waited longer than spec.job.deadline ({deadline}) and its pod never ran"
    # A pod whose image cannot be pulled has a node, and holds its accelerators: it is not waiting for resources.
    held = ready is not None and ready.reason == Reason.IMAGE_PULL_FAILED
    return Cause(Reason.DEADLINE_EXCEEDED, sentences(f"{never}: {waited}" if waited else never), held, ran=False)

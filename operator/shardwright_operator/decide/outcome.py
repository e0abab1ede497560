"""What a finished Job means. Only the Job's own final condition judges it; its pod tells why."""

from dataclasses import dataclass
from datetime import datetime

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Failure, JobStatus, Status
from shardwright_operator.decide.need import Need
from shardwright_operator.decide.world import Job, Observed, Pod
from shardwright_worker.contract.levels import satisfies
from shardwright_worker.contract.reasons import Reason, reason_of_exit_code
from shardwright_worker.contract.report import Report, read_report

_SIGTERM = 143
# What a worker makes of a process of its own that the kernel killed for its memory; the container's state knows better.
_GUESSES = (Reason.WORKER_PROTOCOL_ERROR, Reason.COMMUNICATION_FAILED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exactly one of the two."""

    report: Report | None = None
    failure: Failure | None = None


def judge(observed: Observed, spec: Spec, need: Need, job: Job, attempt: JobStatus, now: datetime) -> Outcome:
    """The outcome of a finished Job."""
    pod = _last_pod(observed, job)
    report = read_report(pod.termination_message) if pod else None
    if job.complete and report is not None and report.succeeded and _answers(report, need):
        return Outcome(report=report)
    reason, message = _cause(observed.resource.status, spec, job, pod, report)
    return Outcome(
        failure=Failure(
            reason=reason,
            message=message,
            stage=attempt.stage,
            job=job.name,
            attempt=attempt.attempt,
            exit_code=pod.exit_code if pod else None,
            rank=report.rank if report else None,
            time=job.finished_at or now,
        )
    )


def vanished(attempt: JobStatus, now: datetime) -> Outcome:
    """The outcome of a Job that had been created and is there no more."""
    message = f"Job {attempt.name} was deleted before its end was seen"
    return Outcome(
        failure=Failure(
            reason=Reason.DISRUPTED,
            message=message,
            stage=attempt.stage,
            job=attempt.name,
            attempt=attempt.attempt,
            time=now,
        )
    )


def _answers(report: Report, need: Need) -> bool:
    """Whether a success says what the stage was asked for; what does not would only be asked for again."""
    artifact = report.artifact
    if need.stage == "Prepare":
        return bool(report.source and report.key) and (artifact is None or artifact.key == report.key)
    return artifact is not None and artifact.key == need.key and satisfies(artifact.verified_by, need.level)


def _last_pod(observed: Observed, job: Job) -> Pod | None:
    ended = [pod for pod in observed.pods if pod.job_name == job.name and pod.exit_code is not None]
    others = [pod for pod in observed.pods if pod.job_name == job.name]
    return max(ended or others, key=lambda pod: (pod.created_at, pod.name), default=None)


def _cause(status: Status, spec: Spec, job: Job, pod: Pod | None, report: Report | None) -> tuple[Reason, str]:
    if job.failed and job.failed[0] == "DeadlineExceeded":
        return Reason.DEADLINE_EXCEEDED, _deadline_message(status, spec, job, pod)
    if pod is None:
        said = ": ".join(part for part in job.failed or ("", "") if part) or "no word"
        kind = "completed" if job.complete else "failed"
        return Reason.WORKER_PROTOCOL_ERROR, f"Job {job.name} {kind} ({said}) and its pod is gone, with its report"
    failure = report if report and not report.succeeded else None
    if pod.terminated_reason == "OOMKilled" and (failure is None or failure.reason in _GUESSES):
        return Reason.OUT_OF_MEMORY, f"Pod {pod.name} was killed for using more memory than its limit"
    if failure:
        return failure.reason, failure.message
    if pod.disruption or pod.deleting or pod.exit_code in (_SIGTERM, 70):
        return Reason.DISRUPTED, f"Pod {pod.name} was stopped{': ' + pod.disruption if pod.disruption else ''}"
    if pod.exit_code is not None and (known := reason_of_exit_code(pod.exit_code)):
        return known, f"The worker in pod {pod.name} ended with exit code {pod.exit_code}, without a report"
    if job.complete and report is not None:
        return Reason.WORKER_PROTOCOL_ERROR, f"Pod {pod.name} reports something else than it was asked for"
    if job.complete:
        return Reason.WORKER_PROTOCOL_ERROR, f"Pod {pod.name} ended well, without a report that can be read"
    lines = pod.termination_message.strip().splitlines()
    words = f": {lines[-1][:500]}" if lines else ""
    code = "" if pod.exit_code is None else f" with exit code {pod.exit_code}"
    return Reason.WORKER_PROTOCOL_ERROR, f"Pod {pod.name} ended{code}, without a report that can be read{words}"


def _deadline_message(status: Status, spec: Spec, job: Job, pod: Pod | None) -> str:
    message = f"Job {job.name} ran longer than spec.job.deadline ({spec.job.deadline})"
    ready = status.condition("Ready")
    if status.progress:
        return f"{message}, last seen in the stage {status.progress.stage}"
    if (pod is None or pod.started_at is None) and ready and ready.reason not in (Reason.PROGRESSING, "Succeeded"):
        return f"{message}; its pod never ran: {ready.message}"
    return message

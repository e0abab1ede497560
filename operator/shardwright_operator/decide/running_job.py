"""The check on a Job that exists and has not finished."""

from shardwright_operator.api.names import TEMPLATE
from shardwright_operator.api.status import Failure, JobStatus
from shardwright_operator.decide import retry
from shardwright_operator.decide.attempt import with_job, with_pods
from shardwright_operator.decide.input_hashes import template_of
from shardwright_operator.decide.observed import Job
from shardwright_operator.decide.pending import is_ours, is_suspended_by_another, pending_reason
from shardwright_operator.decide.plan import DeleteJob, SuspendJob
from shardwright_operator.decide.pod_failure import whose_image
from shardwright_operator.decide.progress import progress_of
from shardwright_operator.decide.scope import POLL_INTERVAL, Scope, Step
from shardwright_operator.decide.sentences import clean, sentences
from shardwright_operator.decide.verdict import Verdict, stalled, suspended, working
from shardwright_worker.contract.reasons import Reason


def running_job(scope: Scope) -> Step | Scope:
    """Watch the attempt's Job while it runs, or waits to run."""
    attempt = scope.attempt
    job = scope.observed.job(attempt.name) if attempt else None
    if attempt is None or job is None or job.finished:
        return scope
    scope = _on_record(scope, attempt, job)
    pending = pending_reason(scope.observed, scope.spec, job, scope.now)
    scope = scope.update(progress=progress_of(scope.observed, scope.status, job, scope.now))
    if job.deleting:
        # Of all that can be pending, only an unreachable node delays the deletion of a Job.
        unreachable = pending if pending and pending.reason == Reason.NODE_UNREACHABLE else None
        return Step(scope.status, unreachable or working(f"Job {job.name} is being deleted"))
    started = scope.observed.has_started(job.name)
    idle = not started or (job.suspended and is_ours(job))  # a Job that the operator has suspended has lost its pod
    if idle and (step := _before_start(scope, job)):
        return step
    if started and _was_resumed(job):
        # A later suspension by a queue would be taken for the operator's own if its mark stayed, and be resumed.
        return Step(scope.status, working(f"Running in Job {job.name}"), (SuspendJob(job.name, job.uid, False),))
    if pending and pending.situation == "stalled":
        return _give_up(scope, job, pending)
    if pending:
        return Step(scope.status, pending, (), POLL_INTERVAL)
    doing = scope.status.progress.stage if scope.status.progress else "Running" if started else "Waiting for a pod"
    again = scope.config.progress_interval if started else None
    return Step(scope.status, working(f"{doing} in Job {job.name}"), (), again)


def _on_record(scope: Scope, attempt: JobStatus, job: Job) -> Scope:
    known = scope.status.job
    if known is None or known.name != attempt.name:
        scope = scope.update(last_handled_reconcile_at=scope.observed.resource.request)
    attempt = with_pods(scope.observed, with_job(attempt, job))
    return scope.update(job=attempt, attempt=max(scope.status.attempt, attempt.attempt))


def _before_start(scope: Scope, job: Job) -> Step | None:
    """A Job that has not started may still be replaced, suspended or resumed."""
    status, spec = scope.status, scope.spec
    without = status.model_copy(update={"job": None, "progress": None})
    if job.labels.get(TEMPLATE) != template_of(spec):
        message = f"Replacing Job {job.name}, which has not started, since spec.job or spec.verification has changed"
        return Step(without, working(message), (DeleteJob(job.name, job.uid),))
    if spec.suspend and (is_suspended_by_another(job) or spec.job.queue_name or _was_resumed(job)):
        # The queue decides when it runs, and would resume it again if the operator suspended it.
        return Step(without, suspended(), (DeleteJob(job.name, job.uid),))
    if is_suspended_by_another(job):
        return None
    if is_ours(job) != spec.suspend:
        verdict = suspended() if spec.suspend else working(f"Resuming Job {job.name}")
        return Step(status, verdict, (SuspendJob(job.name, job.uid, spec.suspend),))
    return Step(status, suspended()) if spec.suspend else None


def _was_resumed(job: Job) -> bool:
    """Return whether another controller has resumed what the operator had suspended."""
    return is_ours(job) and not job.suspended


def _give_up(scope: Scope, job: Job, pending: Verdict) -> Step:
    """End the attempt, however long its deadline is: what is pending cannot be resolved without a change."""
    attempt = scope.status.job
    assert attempt is not None
    failure = Failure(
        reason=pending.reason,
        message=sentences(clean(pending.message), whose_image(pending.reason, attempt.stage)),
        stage=attempt.stage,
        job=job.name,
        attempt=attempt.attempt,
        time=scope.now,
    )
    scope = scope.with_status(retry.record_failure(scope, failure))
    verdict = retry.why_not_started(scope) or stalled(pending.reason, failure.message)
    return Step(scope.status, verdict, (DeleteJob(job.name, job.uid),))

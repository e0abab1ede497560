"""An attempt whose Job is there and has not ended."""

from shardwright_operator.api.names import TEMPLATE
from shardwright_operator.api.status import Failure
from shardwright_operator.decide import retry
from shardwright_operator.decide.attempt import with_pods
from shardwright_operator.decide.observed import Job
from shardwright_operator.decide.pending import find_obstacle, has_started, is_held, is_ours
from shardwright_operator.decide.plan import DeleteJob, SuspendJob
from shardwright_operator.decide.pod_failure import whose_image
from shardwright_operator.decide.progress import progress_of
from shardwright_operator.decide.scope import Case, Step
from shardwright_operator.decide.sentences import clean, sentences
from shardwright_operator.decide.verdict import Verdict, stalled, suspended, working
from shardwright_operator.manifests.job_template import template_of
from shardwright_worker.contract.reasons import Reason

LOOK_AGAIN = 30.0  # seconds until an obstacle is looked at again of which no watch tells


def watch(case: Case, job: Job) -> Step:
    """The attempt runs, or waits to run."""
    if case.status.job:
        case = case.update(job=with_pods(case.observed, case.status.job))
    obstacle = find_obstacle(case.observed, case.spec, job, case.now)
    case = case.update(progress=progress_of(case.observed, case.status, job, case.now))
    if job.deleting:
        # A node that does not answer is the one thing that keeps a deleted Job, of all that can be in its way.
        holds = obstacle if obstacle and obstacle.reason == Reason.NODE_UNREACHABLE else None
        return Step(case.status, holds or working(f"Job {job.name} is being deleted"))
    started = has_started(case.observed, job)
    idle = not started or (job.suspended and is_ours(job))  # what the operator holds has lost its pod
    if idle and (step := _before_start(case, job)):
        return step
    if started and _was_let_go(job):
        # Our mark must not outlive our suspension: who suspends the Job next would find it resumed.
        return Step(case.status, working(f"Running in Job {job.name}"), (SuspendJob(job.name, job.uid, False),))
    if obstacle and obstacle.reason == Reason.WORKER_NOT_IN_IMAGE:
        return _give_up(case, job, obstacle)
    if obstacle:
        return Step(case.status, obstacle, (), LOOK_AGAIN)
    does = case.status.progress.stage if case.status.progress else "Running" if started else "Waiting for a pod"
    again = case.config.progress_interval if started else None
    return Step(case.status, working(f"{does} in Job {job.name}"), (), again)


def _before_start(case: Case, job: Job) -> Step | None:
    """A Job that has not started may still be replaced, suspended or resumed."""
    status, spec = case.status, case.spec
    without = status.model_copy(update={"job": None, "progress": None})
    if job.labels.get(TEMPLATE) != template_of(spec):
        message = f"Replacing Job {job.name}, which has not started, since spec.job or spec.verification has changed"
        return Step(without, working(message), (DeleteJob(job.name, job.uid),))
    if spec.suspend and (is_held(job) or spec.job.queue_name or _was_let_go(job)):
        # The queue decides when it runs, and would let it go again if we held it.
        return Step(without, suspended(), (DeleteJob(job.name, job.uid),))
    if is_held(job):
        return None
    if is_ours(job) != spec.suspend:
        verdict = suspended() if spec.suspend else working(f"Resuming Job {job.name}")
        return Step(status, verdict, (SuspendJob(job.name, job.uid, spec.suspend),))
    return Step(status, suspended()) if spec.suspend else None


def _was_let_go(job: Job) -> bool:
    """Whether somebody else has resumed what the operator had suspended."""
    return is_ours(job) and not job.suspended


def _give_up(case: Case, job: Job, obstacle: Verdict) -> Step:
    """What cannot pass by itself ends the attempt, however long its deadline is."""
    attempt = case.status.job
    assert attempt is not None
    failure = Failure(
        reason=obstacle.reason,
        message=sentences(clean(obstacle.message), whose_image(obstacle.reason, attempt.stage)),
        stage=attempt.stage,
        job=job.name,
        attempt=attempt.attempt,
        time=case.now,
    )
    uid = case.observed.resource.uid
    known = retry.current(case.status, case.retry_inputs())
    status = retry.record(case.status, case.spec, case.config, known, failure, uid, case.now)
    told = retry.hold(status, case.spec, retry.current(status, case.retry_inputs()), case.now)
    return Step(status, told or stalled(obstacle.reason, failure.message), (DeleteJob(job.name, job.uid),))

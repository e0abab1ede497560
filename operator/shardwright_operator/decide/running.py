"""An attempt whose Job is there and has not ended."""

from shardwright_operator.build.job import TEMPLATE, template_of
from shardwright_operator.decide.case import Case, Step
from shardwright_operator.decide.need import Need
from shardwright_operator.decide.obstacle import find_obstacle, has_started
from shardwright_operator.decide.plan import DeleteJob, SuspendJob
from shardwright_operator.decide.progress import progress_of
from shardwright_operator.decide.verdict import suspended, working
from shardwright_operator.decide.world import Job

LOOK_AGAIN = 30.0  # seconds until an obstacle is looked at again of which no watch tells


def watch(case: Case, need: Need, job: Job) -> Step:
    """The attempt runs, or waits to run."""
    if job.deleting:
        return Step(case.status, working(f"Job {job.name} is being deleted"))
    started = has_started(case.observed, job)
    if not started and (step := _before_start(case, need, job)):
        return step
    status = case.status.model_copy(update={"progress": progress_of(case.observed, case.status, job, case.now)})
    if obstacle := find_obstacle(case.observed, case.spec, job, case.now):
        return Step(status, obstacle, (), LOOK_AGAIN)
    does = status.progress.stage if status.progress else "Running" if started else "Waiting for a pod"
    return Step(status, working(f"{does} in Job {job.name}"), (), case.config.progress_interval if started else None)


def _before_start(case: Case, need: Need, job: Job) -> Step | None:
    """A Job that has not started may still be replaced, suspended or resumed."""
    status, spec = case.status, case.spec
    without = status.model_copy(update={"job": None, "progress": None})
    if job.labels.get(TEMPLATE) != template_of(spec):
        message = f"Replacing Job {job.name}, which has not started, since spec.job or spec.verification has changed"
        return Step(without, working(message), (DeleteJob(job.name, job.uid),))
    if need.stage == "Shard" and spec.job.queue_name:
        # The queue decides when it runs, and would let it go again if we held it.
        return Step(without, suspended(), (DeleteJob(job.name, job.uid),)) if spec.suspend else None
    if job.suspended != spec.suspend:
        verdict = suspended() if spec.suspend else working(f"Resuming Job {job.name}")
        return Step(status, verdict, (SuspendJob(job.name, job.uid, spec.suspend),))
    return Step(status, suspended()) if spec.suspend else None

"""The decision: what should be done next for one resource, as a function of the observed world.

spec readable? -> claims usable? -> what is needed? -> does an attempt run? -> how did it end? -> may another start?
"""

from dataclasses import dataclass, replace
from datetime import datetime

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import JobStatus, Status
from shardwright_operator.build.claim import build_claim
from shardwright_operator.build.job import TEMPLATE
from shardwright_operator.decide import retry
from shardwright_operator.decide.attempt import adopt, find, highest, live_jobs, next_attempt, seen
from shardwright_operator.decide.children import job_for
from shardwright_operator.decide.conditions import conditions_of
from shardwright_operator.decide.inputs import artifact_inputs, engine_image, retry_inputs
from shardwright_operator.decide.need import Need, find_need, is_published, next_recheck, wants_pruning
from shardwright_operator.decide.news import events_of
from shardwright_operator.decide.obstacle import find_obstacle, has_started
from shardwright_operator.decide.outcome import judge, vanished
from shardwright_operator.decide.plan import Action, CreateClaim, CreateJob, DeleteJob, Plan, SuspendJob
from shardwright_operator.decide.progress import progress_of
from shardwright_operator.decide.publication import is_damage, take_damage, take_report
from shardwright_operator.decide.verdict import Verdict, done, stalled, suspended, waiting, working
from shardwright_operator.decide.volume import check_output, check_source, output_claim
from shardwright_operator.decide.world import Claim, Config, Job, Observed
from shardwright_worker.contract.reasons import Reason

LOOK_AFTER = 600.0  # seconds until pods are asked again whether they still mount the whole volume
LOOK_AGAIN = 30.0  # seconds until an obstacle is looked at again of which no watch tells


@dataclass(frozen=True, slots=True)
class Case:
    """What one decision is about. The claim is there and usable."""

    now: datetime
    config: Config
    observed: Observed
    spec: Spec
    claim: Claim

    def after(self, status: Status) -> "Case":
        """The same world with this status, to decide what follows from it at once."""
        resource = replace(self.observed.resource, status=status)
        return replace(self, observed=replace(self.observed, resource=resource))

    def need(self) -> Need | None:
        """What is needed with the status of this case."""
        return find_need(self.now, self.config, self.observed, self.spec, self.claim)

    def retry_inputs(self) -> str:
        """What failures are counted for."""
        return retry_inputs(self.config, self.observed.resource, self.spec)


@dataclass(frozen=True, slots=True)
class Step:
    """The status without its conditions, the verdict that makes them, and what to do."""

    status: Status
    verdict: Verdict
    actions: tuple[Action, ...] = ()
    requeue_after: float | None = None


def decide(now: datetime, config: Config, observed: Observed) -> Plan:
    """The plan for this world. Pure and total; deciding again on the world that it leads to asks for nothing."""
    resource = observed.resource
    if resource.deleting:
        return Plan(status=resource.status)
    if resource.spec is None:
        step = Step(resource.status, stalled(Reason.INVALID_SPEC, resource.invalid))
    else:
        step = _step(now, config, observed, resource.spec)
    return _finish(now, config, observed, step)


def _step(now: datetime, config: Config, observed: Observed, spec: Spec) -> Step:
    resource = observed.resource
    image = resource.status.engine_image or config.engine_image
    status = resource.status.model_copy(update={"attempt": highest(observed), "engine_image": image})
    claim = output_claim(observed, spec)
    problem = check_output(observed, spec) or check_source(observed, spec)
    if problem:
        wanted = claim is None and spec.output.persistent_volume_claim.create and not spec.suspend
        action = (CreateClaim(build_claim(resource.namespace, resource.name, resource.uid, spec)),) if wanted else ()
        return Step(status, problem, action, None if problem.situation == "stalled" else LOOK_AGAIN)
    assert claim is not None
    case = Case(now, config, observed, spec, claim).after(status)
    need = case.need()
    return _rest(case) if need is None else _pursue(case, need)


def _rest(case: Case) -> Step:
    """Nothing is needed: what still runs of ours is for something that nobody wants any more."""
    status = case.observed.resource.status
    artifact = status.artifact
    assert artifact is not None
    stray = tuple(DeleteJob(job.name, job.uid) for job in live_jobs(case.observed) if not job.deleting)
    upkeep = {name: value for name, value in status.upkeep.items() if name != "waiting"}
    pauses = [(next_recheck(case.spec, artifact) - case.now).total_seconds()] if case.spec.recheck else []
    if wants_pruning(case.spec, status, artifact):
        upkeep["waiting"] = "Nothing is removed while a pod mounts the whole volume; mount the artifact by subPath"
        pauses.append(LOOK_AFTER)
    status = status.model_copy(update={"job": None, "progress": None, "retry": None, "upkeep": upkeep})
    verdict = done(f"Artifact {artifact.path} is published and proven")
    return Step(status, verdict, stray, min(pauses, default=None))


def _pursue(case: Case, need: Need) -> Step:
    """Something is needed: go on with its attempt, judge it, or start one."""
    observed, status = case.observed, case.observed.resource.status
    attempt = adopt(observed, status, need, case.claim)
    others = [job for job in live_jobs(observed) if attempt is None or job.name != attempt.name]
    if others:
        actions = tuple(DeleteJob(job.name, job.uid) for job in others if not job.deleting)
        names = ", ".join(job.name for job in others)
        return Step(status, working(f"Stopping Job {names}, which was started for other inputs"), actions)
    if attempt is None:
        return _start(case.after(status.model_copy(update={"job": None, "progress": None})), need)
    job = find(observed, attempt.name)
    if job is None:
        return _absent(case, need, attempt)
    if not job.owned:
        message = f"A Job {job.name} exists that belongs to something else; delete it or rename this resource"
        return Step(status, stalled(Reason.NAME_CONFLICT, message), (), LOOK_AGAIN)
    number = max(status.attempt, attempt.attempt)
    case = case.after(status.model_copy(update={"job": seen(attempt, job), "attempt": number}))
    return _judge(case, need, job) if job.finished else _watch(case, need, job)


def _start(case: Case, need: Need) -> Step:
    """The next attempt: its number goes into status before anything is created."""
    status = case.observed.resource.status
    record = retry.current(status, case.retry_inputs())
    if hold := retry.hold(status, case.spec, record, case.now):
        at = record.next_attempt_at if hold.situation == "retrying" else None
        return Step(status, hold, (), (at - case.now).total_seconds() if at else None)
    if case.spec.suspend:
        return Step(status, suspended())
    attempt = next_attempt(case.observed, need, case.claim)
    status = status.model_copy(update={"job": attempt, "attempt": attempt.attempt})
    return Step(status, working(f"Starting Job {attempt.name}"), (), 0.0)


def _absent(case: Case, need: Need, attempt: JobStatus) -> Step:
    """The attempt is on record and its Job is not there: not yet, or not any more."""
    status = case.observed.resource.status
    if attempt.started_at is not None:
        return _failed(case, need, attempt, None)
    if case.spec.suspend:
        return Step(status, suspended())
    create = CreateJob(job_for(case.config, case.observed, case.spec, need, attempt))
    for warning in case.observed.warnings:
        if warning.name == attempt.name:
            verdict = waiting(Reason.POD_NOT_CREATED, f"Job {attempt.name} is refused: {warning.message}")
            return Step(status, verdict, (create,), LOOK_AGAIN)
    return Step(status, working(f"Starting Job {attempt.name}"), (create,))


def _watch(case: Case, need: Need, job: Job) -> Step:
    """The attempt runs, or waits to run."""
    status, spec, observed = case.observed.resource.status, case.spec, case.observed
    if job.deleting:
        return Step(status, working(f"Job {job.name} is being deleted"))
    started = has_started(observed, job)
    if not started and (step := _before_start(case, need, job)):
        return step
    obstacle = find_obstacle(observed, spec, job)
    status = status.model_copy(update={"progress": progress_of(observed, status, job, case.now)})
    if obstacle:
        return Step(status, obstacle, (), LOOK_AGAIN)
    does = status.progress.stage if status.progress else "Running" if started else "Waiting for a pod"
    return Step(status, working(f"{does} in Job {job.name}"), (), case.config.progress_interval if started else None)


def _before_start(case: Case, need: Need, job: Job) -> Step | None:
    """A Job that has not started may still be replaced, suspended or resumed."""
    status, spec = case.observed.resource.status, case.spec
    assert status.job is not None
    now_made = job_for(case.config, case.observed, spec, need, status.job)
    if job.labels.get(TEMPLATE) != now_made["metadata"]["labels"][TEMPLATE]:
        message = f"Replacing Job {job.name}, which has not started, since spec.job has changed"
        return Step(status.model_copy(update={"job": None}), working(message), (DeleteJob(job.name, job.uid),))
    queued = bool(spec.job.queue_name) and need.stage == "Shard"
    if not queued and job.suspended != spec.suspend:
        verdict = suspended() if spec.suspend else working(f"Resuming Job {job.name}")
        return Step(status, verdict, (SuspendJob(job.name, job.uid, spec.suspend),))
    return Step(status, suspended()) if spec.suspend else None


def _judge(case: Case, need: Need, job: Job) -> Step:
    """The attempt has ended. What comes next is decided at once, so that one write says both."""
    status = case.observed.resource.status
    assert status.job is not None
    outcome = judge(case.observed, case.spec, job, status.job, case.now)
    if outcome.report is None:
        return _failed(case, need, status.job, job)
    if is_damage(status, need, outcome.report):
        status = take_damage(status, case.spec, need, outcome.report, case.retry_inputs(), case.now)
    else:
        image = engine_image(case.config, case.observed.resource, case.spec)
        wanted = artifact_inputs(case.config, case.observed.resource, case.spec)
        status = take_report(status, case.spec, case.claim, image, wanted, need, outcome.report, case.now)
    case = case.after(status)
    following = case.need()
    return _rest(case) if following is None else _start(case, following)


def _failed(case: Case, need: Need, attempt: JobStatus, job: Job | None) -> Step:
    """The attempt failed: keep a record of it, then see whether another may start."""
    resource = case.observed.resource
    failure = judge(case.observed, case.spec, job, attempt, case.now).failure if job else vanished(attempt, case.now)
    assert failure is not None
    record = retry.current(resource.status, case.retry_inputs())
    status = retry.record(resource.status, case.spec, case.config, record, failure, resource.uid, case.now)
    return _start(case.after(status), need)


def _finish(now: datetime, config: Config, observed: Observed, step: Step) -> Plan:
    """Conditions, events and the generation that was looked at."""
    resource, spec, status, verdict = observed.resource, observed.resource.spec, step.status, step.verdict
    artifact = status.artifact
    if spec is not None and artifact is not None and verdict.situation != "done":
        wanted = artifact_inputs(config, resource, spec)
        if not is_published(status, wanted, output_claim(observed, spec)):
            kept = f"{verdict.message}. Artifact {artifact.path} of earlier inputs stays published"
            verdict = replace(verdict, message=kept)
        elif verdict.situation != "stalled":
            verdict = done(f"Artifact {artifact.path} is published and proven")
    prepared = status.source is not None and (status.job is None or status.job.stage == "Shard")
    handled = verdict.situation in ("done", "stalled") or status.job is not None
    complete = status.model_copy(
        update={
            "observed_generation": resource.generation,
            "conditions": conditions_of(resource.status, verdict, resource.generation, prepared, now),
            "last_handled_reconcile_at": resource.requested_at if handled else status.last_handled_reconcile_at,
        }
    )
    return Plan(complete, step.actions, tuple(events_of(resource.status, complete)), step.requeue_after)

"""The decision: what should be done next for one resource, as a function of the observed world.

spec readable? -> claims usable? -> what is needed? -> does an attempt run? -> how did it end? -> may another start?
"""

from dataclasses import replace
from datetime import datetime

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import JobStatus, Status
from shardwright_operator.decide import retry
from shardwright_operator.decide.attempt import adopt, find, highest, live_jobs, seen
from shardwright_operator.decide.claims import (
    check_folder,
    check_output,
    claims_go,
    note_on_claim,
    note_on_source,
    output_claim,
)
from shardwright_operator.decide.conditions import conditions_of
from shardwright_operator.decide.events import events_of
from shardwright_operator.decide.job_result import judge, vanished
from shardwright_operator.decide.maintenance import look_after
from shardwright_operator.decide.next_stage import Need, is_prepared, next_recheck
from shardwright_operator.decide.observed import Config, Job, Observed
from shardwright_operator.decide.plan import CreateClaim, DeleteJob, Plan
from shardwright_operator.decide.pruning import LOOK_AFTER, LOOK_CLOSELY, why_pruning_waits
from shardwright_operator.decide.report_status import kept_artifact, kept_serving, take_report
from shardwright_operator.decide.running import LOOK_AGAIN, watch
from shardwright_operator.decide.scope import Case, Step
from shardwright_operator.decide.sentences import sentences
from shardwright_operator.decide.starting import create, start
from shardwright_operator.decide.verdict import Verdict, describe, done, paused, stalled, suspended, working
from shardwright_operator.manifests.output_claim import build_claim
from shardwright_worker.contract.reasons import Reason


def decide(now: datetime, config: Config, observed: Observed) -> Plan:
    """The plan for this world. Pure and total; deciding again on the world that it leads to asks for nothing."""
    resource = observed.resource
    if resource.deleting:
        return Plan(status=resource.status)
    if resource.spec is None:
        status = resource.status.model_copy(update={"last_handled_reconcile_at": resource.request})
        step = Step(status, stalled(Reason.INVALID_SPEC, resource.invalid))
    else:
        step = _let_claims_go(observed, _step(now, config, observed, resource.spec))
    return _finish(now, config, observed, step)


def _step(now: datetime, config: Config, observed: Observed, spec: Spec) -> Step:
    resource = observed.resource
    image = resource.status.engine_image or config.engine_image
    status = resource.status.model_copy(update={"attempt": highest(observed), "engine_image": image})
    if conflict := check_folder(observed, spec):
        return _stop(observed, status, conflict)
    claim = output_claim(observed, spec)
    problem = check_output(observed, spec)
    if claim is None or problem:
        return _without_claim(observed, spec, status)
    if status.artifact and status.artifact.claim_uid != claim.uid:
        # The claim was replaced: what lay on the earlier one is out of reach.
        status = status.model_copy(update={"artifact": None, "serving": None})
    case = Case(now, config, observed, spec, claim).after(status)
    need = case.need()
    if need is None:
        return _rest(case)
    step = _beside(case, _pursue(case, need))
    if need.prunes and step.status.job:  # a pod may mount something before the Job starts
        pauses = [one for one in (step.requeue_after, LOOK_CLOSELY) if one is not None]
        step = replace(step, requeue_after=min(pauses))
    return step


def _stop(observed: Observed, status: Status, problem: Verdict) -> Step:
    """Nothing of this resource may run. Looked at again, since what is in the way may go without an event of ours."""
    stopped = tuple(DeleteJob(job.name, job.uid) for job in live_jobs(observed) if not job.deleting)
    return Step(status.model_copy(update={"job": None, "progress": None}), problem, stopped, LOOK_AGAIN)


def _without_claim(observed: Observed, spec: Spec, status: Status) -> Step:
    """The output claim is missing or cannot be used."""
    resource, problem = observed.resource, check_output(observed, spec)
    assert problem is not None
    if output_claim(observed, spec) is None:
        # They went with the claim. Should it come back, prepare looks before anything else.
        status = status.model_copy(update={"artifact": None, "serving": None, "source": None})
    if problem.situation == "stalled":
        return _stop(observed, status, problem)
    if spec.suspend:
        return Step(status, paused(problem) if problem.failing else suspended())
    claim = output_claim(observed, spec)
    if claim is not None and claim.deleting:
        # Whatever a Job still writes there is lost with the claim, which waits for the pod to go.
        return _stop(observed, status, problem)
    if claim is not None or not spec.output.persistent_volume_claim.create:
        return Step(status, problem, (), LOOK_AGAIN)
    body = build_claim(resource.namespace, resource.name, resource.uid, spec, shared=bool(observed.named_by))
    return Step(status, problem, (CreateClaim(body),), LOOK_AGAIN)


def _let_claims_go(observed: Observed, step: Step) -> Step:
    """A claim that is being deleted is held by pods of Jobs that have ended: those of which all is known may go."""
    if not claims_go(observed):
        return step
    known = step.status.job.name if step.status.job else ""
    ended = [job for job in observed.jobs if job.owned and job.finished and not job.deleting and job.name != known]
    return replace(step, actions=(*step.actions, *(DeleteJob(job.name, job.uid) for job in ended)))


def _rest(case: Case) -> Step:
    """Nothing is needed: what still runs of ours is for something that nobody wants any more."""
    status, artifact = case.status, case.status.artifact
    assert artifact is not None
    stray = tuple(DeleteJob(job.name, job.uid) for job in live_jobs(case.observed) if not job.deleting)
    pauses = [(next_recheck(case.spec, artifact) - case.now).total_seconds()] if case.spec.recheck else []
    blocked = why_pruning_waits(case.observed, case.spec, artifact)
    if blocked:
        pauses.append(LOOK_AFTER)
    requested = case.observed.resource.request
    maintenance = status.maintenance.update(blocked_reason=blocked or None)
    cleared = {"job": None, "progress": None, "retry": None, "last_failure": None}
    status = status.model_copy(update={**cleared, "maintenance": maintenance, "last_handled_reconcile_at": requested})
    return Step(status, done(artifact), stray, min(pauses, default=None))


def _beside(case: Case, step: Step) -> Step:
    """What is published stays so whatever is done beside it; the verdict must say which of the two it is about."""
    artifact, verdict = step.status.artifact, step.verdict
    if artifact is None or verdict.situation == "done":
        return step
    if not case.after(step.status).published():
        earlier = f"Artifact {artifact.path} of earlier inputs stays published"
        source = step.status.source
        same = artifact.inputs == case.wanted() and (source is None or source.key == artifact.key)
        kept = sentences(verdict.message, describe(artifact) if same else earlier)
        return replace(step, verdict=replace(verdict, message=kept))
    trouble = verdict if verdict.situation in ("retrying", "stalled") else None
    return replace(step, verdict=done(artifact, trouble))


def _pursue(case: Case, need: Need) -> Step:
    """Something is needed: go on with its attempt, judge it, or start one."""
    observed, known = case.observed, case.status.job
    attempt = adopt(observed, case.status, need, case.claim)
    others = [job for job in live_jobs(observed) if attempt is None or job.name != attempt.name]
    if others:
        actions = tuple(DeleteJob(job.name, job.uid) for job in others if not job.deleting)
        names = ", ".join(job.name for job in others)
        if attempt is None:
            case = case.update(job=None, progress=None)  # what is stopped on purpose has neither failed nor vanished
        return Step(case.status, working(f"Waiting until Job {names}, which nobody needs any more, is gone"), actions)
    if attempt is None:
        return start(case.update(job=None, progress=None), need)
    if known is None or known.name != attempt.name:
        case = case.update(last_handled_reconcile_at=observed.resource.request)
    job = find(observed, attempt.name)
    if job is None:
        case = case.update(job=attempt)
        # Once it has been seen, its absence means that it was deleted.
        return create(case, need, attempt) if attempt.started_at is None else _failed(case, need, attempt, None)
    if not job.owned:
        message = f"A Job {job.name} exists that belongs to something else; delete it or rename this resource"
        return Step(case.status, stalled(Reason.NAME_CONFLICT, message), (), LOOK_AGAIN)
    case = case.update(job=seen(attempt, job), attempt=max(case.status.attempt, attempt.attempt))
    return _judge(case, need, job) if job.finished else watch(case, job)


def _judge(case: Case, need: Need, job: Job) -> Step:
    """The attempt has ended. What comes next is decided at once, so that one write says both."""
    attempt = case.status.job
    assert attempt is not None
    outcome = judge(case.observed, case.spec, need, job, attempt, case.now)
    if outcome.report is None:
        return _failed(case, need, attempt, job)
    status = look_after(case, need, outcome.report)
    case = case.after(status or take_report(case, need, job, outcome.report))
    following = case.need()
    return _rest(case) if following is None else start(case, following)


def _failed(case: Case, need: Need, attempt: JobStatus, job: Job | None) -> Step:
    """The attempt failed: keep a record of it, then see whether another may start."""
    resource, inputs = case.observed.resource, case.retry_inputs()
    observed, now = case.observed, case.now
    outcome = judge(observed, case.spec, need, job, attempt, now) if job else vanished(observed, attempt, now)
    assert outcome.failure is not None
    record = retry.current(case.status, inputs)
    case = case.after(
        retry.record(case.status, case.spec, case.config, record, outcome.failure, resource.uid, case.now)
    )
    reason, final = outcome.failure.reason, case.status.retry is not None and case.status.retry.stopped
    unheard = job is None or job.complete or (final and outcome.unheard)
    if need.stage == "Shard" and (unheard or reason is Reason.SOURCE_CHANGED):
        # It may have published before its word was lost: let prepare look before accelerators are taken again.
        case = _look_again(case)
    if reason is Reason.ARTIFACT_DAMAGED:
        case = _without_damaged(case, need)
    if need.stage == "Shard" and reason is Reason.VERIFICATION_FAILED:
        case = case.update(artifact=kept_artifact(case.status, need.key), serving=kept_serving(case.status, need.key))
    following = case.need()  # none if it was for a request that its user has taken back
    return _rest(case) if following is None else start(case, following)


def _look_again(case: Case) -> Case:
    """What is known of the source and of its artifact is not trusted any more: prepare looks before all else."""
    source = case.status.source
    return case.update(source=source.model_copy(update={"inputs": ""})) if source else case


def _without_damaged(case: Case, need: Need) -> Case:
    """Something else has the artifact's place, or a part of it is gone: it is not there any more.

    A first look does not tell which artifact that was. It may be the published one, should the spec lead back to it.
    """
    artifact = case.status.artifact
    if artifact is None or (need.stage == "Shard" and artifact.key != need.key):
        return case
    if need.stage == "Prepare" and not need.upkeep:
        return _look_again(case)
    return case.update(artifact=None, serving=None)


def _finish(now: datetime, config: Config, observed: Observed, step: Step) -> Plan:
    """Conditions, events and the generation that was looked at."""
    resource, spec = observed.resource, observed.resource.spec
    after = replace(observed, resource=replace(resource, status=step.status))
    prepared = spec is not None and is_prepared(config, after, spec, output_claim(observed, spec))
    generation = resource.generation
    notes = (note_on_claim(observed, spec), note_on_source(observed, spec)) if spec else ("", "")
    conditions = conditions_of(resource.status, step.status, step.verdict, generation, prepared, now, notes)
    complete = step.status.model_copy(update={"observed_generation": generation, "conditions": conditions})
    return Plan(complete, step.actions, tuple(events_of(resource.status, complete)), step.requeue_after)

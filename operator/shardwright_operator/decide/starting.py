"""An attempt that may start now, or not yet."""

from shardwright_operator.api.status import JobStatus
from shardwright_operator.decide import retry
from shardwright_operator.decide.attempt import next_attempt
from shardwright_operator.decide.claims import check_source
from shardwright_operator.decide.job_request import job_for
from shardwright_operator.decide.next_stage import Need, is_unasked
from shardwright_operator.decide.plan import CreateJob
from shardwright_operator.decide.running import LOOK_AGAIN
from shardwright_operator.decide.scope import Case, Step
from shardwright_operator.decide.sentences import clean
from shardwright_operator.decide.verdict import Verdict, paused, suspended, waiting, working
from shardwright_worker.contract.reasons import Reason


def start(case: Case, need: Need) -> Step:
    """The next attempt: its number goes into status before anything is created."""
    if step := _kept_back(case, need):
        return step
    attempt = next_attempt(case.observed, need, case.claim)
    requested = case.observed.resource.request
    case = case.update(job=attempt, attempt=attempt.attempt, last_handled_reconcile_at=requested)
    return Step(case.status, working(f"Starting Job {attempt.name}"), (), 0.0)


def _kept_back(case: Case, need: Need) -> Step | None:
    """Why no attempt starts now, None if one may."""
    record = retry.current(case.status, case.retry_inputs())
    hold = retry.hold(case.status, case.spec, record, case.now)
    if hold and hold.situation == "stalled" and _may_be_published(case, need):
        hold = None
    if hold and hold.situation == "stalled":
        damaged = hold.reason is Reason.ARTIFACT_DAMAGED
        only_looks = need.upkeep or need.restores or (damaged and need.stage == "Prepare")
        again = retry.next_upkeep(case.status, case.spec)
        if not only_looks or again is None or case.now < again:
            case = case.update(last_handled_reconcile_at=case.observed.resource.request)
            waits = again is not None and case.now < again and (only_looks or damaged)
            return Step(case.status, hold, (), (again - case.now).total_seconds() if again and waits else None)
        hold = None
    if step := _unready(case, need, retry.last(case.status, record)):
        return step
    if hold and record.next_attempt_at:
        return Step(case.status, hold, (), (record.next_attempt_at - case.now).total_seconds())
    return None


def _may_be_published(case: Case, need: Need) -> bool:
    """Whether the last shard Job may have published unseen: prepare looks once, even if no more attempts may follow."""
    failure, source = case.status.last_failure, case.status.source
    asks = source is not None and source.inputs == ""
    return asks and need.stage == "Prepare" and failure is not None and failure.stage == "Shard"


def _unready(case: Case, need: Need, failure: Verdict | None = None) -> Step | None:
    """What keeps a Job from being created: suspension, or a source claim that is not there and that it needs."""
    problem = None if is_unasked(need, case.status.source) else check_source(case.observed, case.spec)
    if case.spec.suspend:
        wrong = problem or failure
        return Step(case.status, paused(wrong) if wrong else suspended())
    return Step(case.status, problem, (), LOOK_AGAIN) if problem else None


def create(case: Case, need: Need, attempt: JobStatus) -> Step:
    """The Job of an attempt that is on record."""
    if step := _unready(case, need):
        return step
    action = CreateJob(job_for(case.now, case.config, case.observed, case.spec, need, attempt))
    for warning in case.observed.warnings:
        if (warning.kind, warning.name) == ("Job", attempt.name) and not warning.normal:
            verdict = waiting(Reason.POD_NOT_CREATED, f"Job {attempt.name} is refused: {clean(warning.message)}")
            return Step(case.status, verdict, (action,), LOOK_AGAIN)
    return Step(case.status, working(f"Starting Job {attempt.name}"), (action,))

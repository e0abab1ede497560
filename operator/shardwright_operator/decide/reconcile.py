"""The decision: what to do next for one resource, as a function of the observed state.

spec readable? -> claims usable? -> which stage is next? -> which attempt? -> its result? -> may another start?
"""

from datetime import datetime

from shardwright_operator.decide.accelerator_time import count_accelerators
from shardwright_operator.decide.claims import (
    folder_conflict,
    missing_output_claim,
    release_claims,
    replaced_output_claim,
    unusable_output_claim,
)
from shardwright_operator.decide.conditions import conditions_of, notes_on_claims
from shardwright_operator.decide.ended_job import ended_job
from shardwright_operator.decide.events import events_of
from shardwright_operator.decide.lifecycle import (
    create_job,
    foreign_job,
    missing_source_claim,
    obsolete_jobs,
    start_attempt,
    suspension,
)
from shardwright_operator.decide.observed import Config, Observed
from shardwright_operator.decide.plan import Plan
from shardwright_operator.decide.published import beside_artifact, beside_pruning, nothing_due
from shardwright_operator.decide.retry import backing_off, failed_for_good
from shardwright_operator.decide.running_job import running_job
from shardwright_operator.decide.scope import Check, Scope, Step
from shardwright_operator.decide.verdict import stalled
from shardwright_worker.contract.reasons import Reason


def invalid_spec(scope: Scope) -> Step | Scope:
    """Stop if the spec cannot be parsed. The API server rejects such specs; a resource may be older than its CRD."""
    resource = scope.observed.resource
    if resource.spec is not None:
        return scope
    status = resource.status.model_copy(update={"last_handled_reconcile_at": resource.request})
    return Step(status, stalled(Reason.INVALID_SPEC, resource.invalid))


# The order of the decision. The first check that answers with a step ends it; one that returns a scope passes it on.
PRECONDITIONS: tuple[Check, ...] = (
    invalid_spec,
    folder_conflict,
    missing_output_claim,
    unusable_output_claim,
    replaced_output_claim,
)
CHECKS: tuple[Check, ...] = (
    nothing_due,
    obsolete_jobs,
    foreign_job,
    running_job,
    ended_job,  # its result changes the status, and with it the next stage
    nothing_due,
    failed_for_good,
    suspension,
    missing_source_claim,
    backing_off,
    create_job,
    start_attempt,  # always answers
)


def decide(now: datetime, config: Config, observed: Observed) -> Plan:
    """Return the plan for this observed state. Pure and total; on the state that it leads to it asks for nothing."""
    if observed.resource.deleting:
        return Plan(status=observed.resource.status)
    scope, step = _first_answer(PRECONDITIONS, Scope.of(now, config, observed))
    if step is None:
        scope, step = _first_answer(CHECKS, scope)
        assert step is not None
        step = beside_artifact(scope, beside_pruning(scope, step))
    return _plan(scope, step)


def _first_answer(checks: tuple[Check, ...], scope: Scope) -> tuple[Scope, Step | None]:
    """Return the step of the first check that answers, and the scope that it saw."""
    for check in checks:
        answer = check(scope)
        if isinstance(answer, Step):
            return scope, answer
        scope = answer
    return scope, None


def _plan(scope: Scope, step: Step) -> Plan:
    """Return the plan of a step: with conditions, events and the generation that was observed."""
    resource, notes = scope.observed.resource, ("", "")
    if resource.spec is not None:
        step = release_claims(scope, step)
        notes = notes_on_claims(scope.observed, resource.spec)
    conditions = conditions_of(
        old=resource.status,
        new=step.status,
        verdict=step.verdict,
        generation=resource.generation,
        prepared=scope.with_status(step.status).prepared,
        now=scope.now,
        notes=notes,
    )
    status = step.status.model_copy(update={"observed_generation": resource.generation, "conditions": conditions})
    status = count_accelerators(scope.observed, status, scope.now)
    return Plan(status, step.actions, tuple(events_of(resource.status, status)), step.requeue_after)

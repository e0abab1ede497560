"""The checks on the attempt of the next stage: obsolete Jobs, suspension, the creation of its Job, and its start."""

from shardwright_operator.api.status import JobStatus
from shardwright_operator.decide import retry
from shardwright_operator.decide.attempt import next_attempt
from shardwright_operator.decide.claims import source_problem
from shardwright_operator.decide.input_hashes import template_of
from shardwright_operator.decide.job_request import (
    EarlierSource,
    JobFacts,
    JobRequest,
    PrepareJobRequest,
    Pruning,
    ShardJobRequest,
)
from shardwright_operator.decide.next_stage import NextStage
from shardwright_operator.decide.plan import CreateJob, DeleteJob
from shardwright_operator.decide.pruning import WINDOW, artifacts_in_use
from shardwright_operator.decide.scope import POLL_INTERVAL, Scope, Step
from shardwright_operator.decide.sentences import clean
from shardwright_operator.decide.verdict import Verdict, paused, retrying, stalled, suspended, working
from shardwright_worker.contract.reasons import Reason


def obsolete_jobs(scope: Scope) -> Step | Scope:
    """Delete Jobs of other inputs before anything else: at most one Job of a resource is live."""
    attempt = scope.attempt
    others = [job for job in scope.observed.live_jobs() if attempt is None or job.name != attempt.name]
    if attempt is None and (scope.status.job or scope.status.progress):
        scope = scope.update(job=None, progress=None)  # what is stopped on purpose has neither failed nor vanished
    if not others:
        return scope
    actions = tuple(DeleteJob(job.name, job.uid) for job in others if not job.deleting)
    names = ", ".join(job.name for job in others)
    return Step(scope.status, working(f"Waiting for obsolete Job {names} to be deleted"), actions)


def foreign_job(scope: Scope) -> Step | Scope:
    """Stop if a Job of the attempt's name exists that this resource does not control."""
    job = scope.observed.job(scope.attempt.name) if scope.attempt else None
    if job is None or job.owned:
        return scope
    message = f"A Job {job.name} exists that belongs to another owner; delete it or rename this resource"
    return Step(scope.status, stalled(Reason.NAME_CONFLICT, message), (), POLL_INTERVAL)


def suspension(scope: Scope) -> Step | Scope:
    """Create no Job while spec.suspend is true, and show what is wrong meanwhile."""
    if not scope.spec.suspend:
        return scope
    problem = _source_problem(scope) or (None if scope.attempt else retry.last_failure(scope))
    return Step(scope.status, paused(problem) if problem else suspended())


def missing_source_claim(scope: Scope) -> Step | Scope:
    """Create no Job while it could not mount the source's claim."""
    problem = _source_problem(scope)
    return Step(scope.status, problem, (), POLL_INTERVAL) if problem else scope


def _source_problem(scope: Scope) -> Verdict | None:
    """Scheduled maintenance is about the artifact: it runs whether the source is there or not."""
    scheduled = scope.next_stage is not None and scope.next_stage.scheduled
    return None if scheduled else source_problem(scope)


def create_job(scope: Scope) -> Step | Scope:
    """Create the Job of the attempt that is on record."""
    attempt = scope.attempt
    if attempt is None or scope.next_stage is None:
        return scope
    action = CreateJob(_request(scope, scope.next_stage, attempt))
    for warning in scope.observed.warnings:
        if (warning.kind, warning.name) == ("Job", attempt.name) and not warning.normal:
            verdict = retrying(Reason.POD_NOT_CREATED, f"Job {attempt.name} is rejected: {clean(warning.message)}")
            return Step(scope.status, verdict, (action,), POLL_INTERVAL)
    return Step(scope.status, working(f"Starting Job {attempt.name}"), (action,))


def start_attempt(scope: Scope) -> Step:
    """Put the next attempt on record. Its number is written to status before anything is created.

    A create that is repeated, after a restart or with a stale cache, then has the same name and is answered with 409.
    """
    assert scope.next_stage is not None
    attempt = next_attempt(scope.observed, scope.status, scope.next_stage, scope.claim)
    requested = scope.observed.resource.request
    scope = scope.update(job=attempt, attempt=attempt.attempt, last_handled_reconcile_at=requested)
    return Step(scope.status, working(f"Starting Job {attempt.name}"), (), 0.0)


def _request(scope: Scope, stage: NextStage, attempt: JobStatus) -> JobRequest:
    resource, source, spec = scope.observed.resource, scope.status.source, scope.spec
    facts = JobFacts(
        namespace=resource.namespace,
        resource=resource.name,
        uid=resource.uid,
        job=attempt.name,
        stage=stage.stage,
        attempt=attempt.attempt,
        inputs=stage.inputs,
        template=template_of(spec),
    )
    image, artifact = scope.inputs.image, scope.status.artifact
    if stage.stage == "Shard":
        assert source is not None
        return ShardJobRequest(facts, spec, image, source)
    return PrepareJobRequest(
        facts,
        spec,
        image,
        scope.config.prepare_image,
        known=_known_source(scope, stage),
        source_claim_usable=source_problem(scope) is None,
        published=artifact.key if artifact is not None and stage.scheduled else "",
        deep=spec.recheck is not None and spec.recheck.deep and not stage.prunes,  # pruning is short of time
        pruning=_pruning(scope, stage),
    )


def _known_source(scope: Scope, stage: NextStage) -> EarlierSource | None:
    """Return what is known of the source; for a stage that was not requested, with the revision of the artifact.

    A branch is resolved once, so that scheduled maintenance inspects the commit that the artifact was made from. A
    request of the user resolves it again; a folder whose files are unchanged needs no reading for that either.
    """
    source = scope.status.source
    if source is None or not (stage.maintains or stage.restores or stage.downloads_source):
        return None
    requested = stage.maintains and not stage.scheduled
    return EarlierSource("" if requested else source.revision, source.digest, source.fingerprint)


def _pruning(scope: Scope, stage: NextStage) -> Pruning | None:
    """Only a Job that exists for pruning removes anything: mounts were read for that one alone."""
    in_use = artifacts_in_use(scope.observed, scope.spec) if stage.prunes else None
    if in_use is None or scope.spec.output.history_limit is None:
        return None
    until = int((scope.now + WINDOW).timestamp())
    return Pruning(scope.spec.output.history_limit, tuple(in_use), until)

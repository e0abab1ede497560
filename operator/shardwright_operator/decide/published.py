"""A published artifact: the resource is settled while nothing is due, and it stays published beside other work."""

from dataclasses import replace

from shardwright_operator.decide.next_stage import next_recheck
from shardwright_operator.decide.plan import DeleteJob
from shardwright_operator.decide.pruning import MOUNTS_INTERVAL, PRUNING_INTERVAL, why_pruning_waits
from shardwright_operator.decide.scope import Scope, Step
from shardwright_operator.decide.sentences import sentences
from shardwright_operator.decide.verdict import describe, done


def nothing_due(scope: Scope) -> Step | Scope:
    """End the decision if the desired artifact is published and neither a recheck nor pruning is due."""
    status, artifact = scope.status, scope.status.artifact
    if scope.next_stage is not None or artifact is None:
        return scope
    # Whatever still runs is for inputs that are not desired any more.
    obsolete = tuple(DeleteJob(job.name, job.uid) for job in scope.observed.live_jobs() if not job.deleting)
    pauses = [(next_recheck(scope.spec, artifact) - scope.now).total_seconds()] if scope.spec.recheck else []
    blocked = why_pruning_waits(scope.observed, status, scope.spec, artifact) or None
    if blocked:
        pauses.append(MOUNTS_INTERVAL)
    update = {
        "job": None,
        "progress": None,
        "retry": None,
        "last_failure": None,
        "maintenance": status.maintenance.update(blocked_reason=blocked),
        "last_handled_reconcile_at": scope.observed.resource.request,
    }
    status = status.model_copy(update=update)
    return Step(status, done(artifact), obsolete, min(pauses, default=None))


def beside_artifact(scope: Scope, step: Step) -> Step:
    """Return the step with a verdict that says whether it is about the published artifact or about other work."""
    artifact, verdict = step.status.artifact, step.verdict
    if artifact is None or verdict.situation == "done":
        return step
    if scope.with_status(step.status).published:
        problem = verdict if verdict.situation in ("retrying", "stalled") else None
        return replace(step, verdict=done(artifact, problem))
    source = step.status.source
    desired = artifact.inputs == scope.inputs.artifact and (source is None or source.key == artifact.key)
    kept = describe(artifact) if desired else f"Artifact {artifact.path} of earlier inputs stays published"
    return replace(step, verdict=replace(verdict, message=sentences(verdict.message, kept)))


def beside_pruning(scope: Scope, step: Step) -> Step:
    """Return the step with an early next decision while a pruning Job exists: a pod may mount an artifact meanwhile."""
    if scope.next_stage is None or not scope.next_stage.prunes or step.status.job is None:
        return step
    pauses = [one for one in (step.requeue_after, PRUNING_INTERVAL) if one is not None]
    return replace(step, requeue_after=min(pauses))

"""The claims of output and source: there, bound or able to be bound, and of a kind that can be written to."""

from dataclasses import replace

from shardwright_operator.api.output_folder import folder_on_volume
from shardwright_operator.decide.observed import Claim, Observed
from shardwright_operator.decide.plan import CreateClaim, DeleteJob
from shardwright_operator.decide.scope import POLL_INTERVAL, Scope, Step
from shardwright_operator.decide.verdict import Verdict, paused, retrying, stalled, suspended, working
from shardwright_worker.contract.reasons import Reason

WRITABLE = frozenset({"ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"})
_OUTPUT = "spec.output.persistentVolumeClaim.claimName"
_SOURCE = "spec.source.persistentVolumeClaim.claimName"


def folder_conflict(scope: Scope) -> Step | Scope:
    """Stop if an older resource has the output folder, or one above or below it: one would prune the other."""
    resource, claim = scope.observed.resource, scope.spec.output.persistent_volume_claim.claim_name
    age = (resource.created_at, resource.uid)
    older = [one for one in scope.observed.neighbors if (one.created_at, one.uid) < age]
    if not older:
        return scope
    ours = folder_on_volume(resource.namespace, resource.name, scope.spec)
    theirs = min(older, key=lambda one: one.created_at)
    message = (
        f"spec.output.path: the folder {ours} of {resource.name} overlaps with {theirs.folder} of the older "
        f"ShardedCheckpoint {theirs.name} on the claim {claim}; "
        "create this resource with another output.path, or delete the other one"
    )
    return _stop(scope, stalled(Reason.NAME_CONFLICT, message))


def missing_output_claim(scope: Scope) -> Step | Scope:
    """Create the output claim if the spec asks for that, or wait for it."""
    resource, output = scope.observed.resource, scope.spec.output.persistent_volume_claim
    if scope.known_inputs is not None:
        return scope
    # What was on it is gone. Should the claim come back, prepare inspects it before all else.
    status = scope.status.model_copy(update={"artifact": None, "serving": None, "source": None})
    problem = _why_missing(scope.observed, output.claim_name, created=output.create is not None)
    if scope.spec.suspend:
        return Step(status, paused(problem) if problem.failing else suspended())
    if output.create is None:
        return Step(status, problem, (), POLL_INTERVAL)
    # A claim that other resources name, too, must not be deleted with this one.
    owned = output.create.when_deleted == "Delete" and not scope.observed.named_by
    action = CreateClaim(resource.namespace, resource.name, resource.uid, output.claim_name, output.create, owned)
    return Step(status, problem, (action,), POLL_INTERVAL)


def _why_missing(observed: Observed, name: str, created: bool) -> Verdict:
    if not created:
        message = f"{_OUTPUT}: there is no PersistentVolumeClaim {name} in this namespace"
        return retrying(Reason.VOLUME_NOT_FOUND, f"{message}; create it, or set `create` with a size")
    rejected = next((one.message for one in observed.warnings if one.name == name), "")
    if rejected:
        return retrying(Reason.VOLUME_PENDING, f"The claim {name} is rejected: {rejected}")
    return working(f"Creating the claim {name}")


def unusable_output_claim(scope: Scope) -> Step | Scope:
    """Wait, or stop, while Jobs cannot use the output claim."""
    problem = _unusable(scope.claim, _OUTPUT) or _not_ours(scope) or _not_writable(scope.claim)
    if problem is None:
        return scope
    if problem.situation == "stalled":
        return _stop(scope, problem)
    if scope.spec.suspend:
        return Step(scope.status, paused(problem))
    if scope.claim.deleting:
        # Whatever a Job still writes there is lost with the claim, which is held until the Job's pod is gone:
        # https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
        return _stop(scope, problem)
    return Step(scope.status, problem, (), POLL_INTERVAL)


def replaced_output_claim(scope: Scope) -> Scope:
    """Forget the artifact if it was on an earlier claim of the same name."""
    artifact = scope.status.artifact
    return scope.update(artifact=None, serving=None) if artifact and artifact.claim_uid != scope.claim.uid else scope


def _stop(scope: Scope, problem: Verdict) -> Step:
    """Delete the running Job. No watch reports that the problem is gone, so it is checked again after a while.

    A Job that has finished stays on record, so that its result counts once the problem is gone.
    """
    actions = tuple(DeleteJob(job.name, job.uid) for job in scope.observed.live_jobs() if not job.deleting)
    attempt = scope.status.job
    job = scope.observed.job(attempt.name) if attempt else None
    kept = attempt if job and job.finished else None
    return Step(scope.status.model_copy(update={"job": kept, "progress": None}), problem, actions, POLL_INTERVAL)


def _not_ours(scope: Scope) -> Verdict | None:
    claim = scope.claim
    if not claim.owners or any(uid == scope.observed.resource.uid for _, uid in claim.owners):
        return None
    return stalled(
        Reason.NAME_CONFLICT,
        f"{_OUTPUT}: the claim {claim.name} and its files are deleted together with the "
        f"ShardedCheckpoint {owners_of(claim)} (whenDeleted: Delete); use another claim, or, {how_to_keep(claim)}",
    )


def _not_writable(claim: Claim) -> Verdict | None:
    if WRITABLE & set(claim.access_modes):
        return None
    modes = ", ".join(claim.access_modes) or "no access mode"
    message = f"The claim {claim.name} allows {modes}; it must be writable: use ReadWriteOnce or ReadWriteMany"
    return stalled(Reason.ACCESS_MODE_UNSUPPORTED, message)


def source_problem(scope: Scope) -> Verdict | None:
    """Return why Jobs cannot use the source's claim, None if they can, or the source is on the Hub."""
    source = scope.spec.source.persistent_volume_claim
    if source is None:
        return None
    claim = scope.observed.claims.get(source.claim_name)
    if claim is None:
        message = f"{_SOURCE}: there is no PersistentVolumeClaim {source.claim_name} in this namespace"
        return retrying(Reason.VOLUME_NOT_FOUND, message, "source")
    problem = _unusable(claim, _SOURCE)
    return replace(problem, about="source") if problem else None


def _unusable(claim: Claim, field: str) -> Verdict | None:
    if claim.deleting:
        return retrying(Reason.VOLUME_NOT_FOUND, f"{field}: the PersistentVolumeClaim {claim.name} is being deleted")
    if claim.phase == "Lost":
        return retrying(Reason.VOLUME_NOT_FOUND, f"{field}: the volume of {claim.name} is lost; restore or replace it")
    return None


def release_claims(scope: Scope, step: Step) -> Step:
    """Delete finished Jobs while a claim is being deleted: their pods hold it. One on record is forgotten, too.

    https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
    """
    observed = scope.observed
    if not any(claim is not None and claim.deleting for claim in observed.claims.values()):
        return step
    ended = [job for job in observed.jobs if job.owned and job.finished and not job.deleting]
    status = step.status
    if status.job and any(job.name == status.job.name for job in ended):
        status = status.model_copy(update={"job": None, "progress": None})
    return replace(step, status=status, actions=(*step.actions, *(DeleteJob(job.name, job.uid) for job in ended)))


def owners_of(claim: Claim) -> str:
    """Return the names of the ShardedCheckpoints that own the claim."""
    return ", ".join(owner for owner, _ in claim.owners)


def how_to_keep(claim: Claim) -> str:
    """Return how a user keeps a claim from being deleted with the resource that owns it."""
    patch = '{"metadata":{"ownerReferences":null}}'
    return f"to keep it: kubectl patch pvc {claim.name} --type=merge -p '{patch}'"

"""The claims: there, bound or able to be bound, and of a kind that can be written to."""

from dataclasses import replace

from shardwright_operator.api.spec import Spec
from shardwright_operator.decide.observed import Claim, Observed
from shardwright_operator.decide.verdict import Verdict, stalled, waiting, working
from shardwright_operator.manifests.job_template import folder_on_volume
from shardwright_worker.contract.reasons import Reason

WRITABLE = frozenset({"ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"})


def output_claim(observed: Observed, spec: Spec) -> Claim | None:
    """The claim of the artifacts as it is now."""
    return observed.claims.get(spec.output.persistent_volume_claim.claim_name)


def check_folder(observed: Observed, spec: Spec) -> Verdict | None:
    """NameConflict if an older resource has the output folder, or one above or below it: one would prune the other."""
    resource = observed.resource
    older = [one for one in observed.neighbors if (one.created_at, one.uid) < (resource.created_at, resource.uid)]
    if not older:
        return None
    ours, theirs = folder_on_volume(resource.namespace, resource.name, spec), min(older, key=lambda one: one.created_at)
    return stalled(
        Reason.NAME_CONFLICT,
        f"spec.output.path: the folder {ours} of {resource.name} overlaps with {theirs.folder} of the older "
        f"ShardedCheckpoint {theirs.name} on the claim {spec.output.persistent_volume_claim.claim_name}; "
        "create this resource with another output.path, or delete the other one",
    )


def note_on_claim(observed: Observed, spec: Spec) -> str:
    """What a person should know of a claim that can be used: that it stays or goes against the spec's word."""
    create, claim = spec.output.persistent_volume_claim.create, output_claim(observed, spec)
    if claim is None:
        return ""
    goes = any(uid == observed.resource.uid for _, uid in claim.owners)
    if goes == (create is not None and create.when_deleted == "Delete"):
        return ""
    if goes:
        return (
            f"; it is deleted together with this resource, as it was created with whenDeleted: Delete; {_detach(claim)}"
        )
    return "; it is kept when this resource is deleted, since this resource did not create it, or others named it"


def note_on_source(observed: Observed, spec: Spec) -> str:
    """What a person should know of the source's claim: that it goes with a resource."""
    source = spec.source.persistent_volume_claim
    claim = observed.claims.get(source.claim_name) if source else None
    if source is None or claim is None or not claim.owners:
        return ""
    owners = ", ".join(owner for owner, _ in claim.owners)
    return f"; its claim {claim.name} is deleted together with the ShardedCheckpoint {owners}; {_detach(claim)}"


def _detach(claim: Claim) -> str:
    """How a claim is kept from going with the resource that owns it."""
    patch = '{"metadata":{"ownerReferences":null}}'
    return f"to keep it: kubectl patch pvc {claim.name} --type=merge -p '{patch}'"


def check_output(observed: Observed, spec: Spec) -> Verdict | None:
    """What is wrong with the output claim, None if Jobs may use it."""
    name = spec.output.persistent_volume_claim.claim_name
    claim = output_claim(observed, spec)
    if claim is None:
        if spec.output.persistent_volume_claim.create:
            refused = next((one.message for one in observed.warnings if one.name == name), "")
            if refused:
                return waiting(Reason.VOLUME_PENDING, f"The claim {name} is refused: {refused}")
            return working(f"Creating the claim {name}")
        return waiting(
            Reason.VOLUME_NOT_FOUND,
            f"spec.output.persistentVolumeClaim.claimName: there is no PersistentVolumeClaim {name} in this namespace; "
            "create it, or give `create` with a size",
        )
    if problem := _unusable(claim, "spec.output.persistentVolumeClaim.claimName"):
        return problem
    owners = ", ".join(owner for owner, _ in claim.owners)
    if owners and not any(uid == observed.resource.uid for _, uid in claim.owners):
        return stalled(
            Reason.NAME_CONFLICT,
            f"spec.output.persistentVolumeClaim.claimName: the claim {name} is deleted together with the "
            f"ShardedCheckpoint {owners} (whenDeleted: Delete), and what lies on it; use another claim, or, "
            f"{_detach(claim)}",
        )
    if not WRITABLE & set(claim.access_modes):
        modes = ", ".join(claim.access_modes) or "no access mode"
        message = f"The claim {name} allows {modes}; it must be writable: use ReadWriteOnce or ReadWriteMany"
        return stalled(Reason.ACCESS_MODE_UNSUPPORTED, message)
    return None


def check_source(observed: Observed, spec: Spec) -> Verdict | None:
    """What is wrong with the source's claim, None if there is none or Jobs may use it."""
    source = spec.source.persistent_volume_claim
    if source is None:
        return None
    claim = observed.claims.get(source.claim_name)
    field = "spec.source.persistentVolumeClaim.claimName"
    if claim is None:
        message = f"{field}: there is no PersistentVolumeClaim {source.claim_name} in this namespace"
        return waiting(Reason.VOLUME_NOT_FOUND, message, "source")
    problem = _unusable(claim, field)
    return replace(problem, about="source") if problem else None


def claims_go(observed: Observed) -> bool:
    """Whether one of the claims is being deleted, which lasts as long as there are pods that name it."""
    return any(claim is not None and claim.deleting for claim in observed.claims.values())


def _unusable(claim: Claim, field: str) -> Verdict | None:
    if claim.deleting:
        return waiting(Reason.VOLUME_NOT_FOUND, f"{field}: the PersistentVolumeClaim {claim.name} is being deleted")
    if claim.phase == "Lost":
        return waiting(Reason.VOLUME_NOT_FOUND, f"{field}: the volume of {claim.name} is lost; restore or replace it")
    return None

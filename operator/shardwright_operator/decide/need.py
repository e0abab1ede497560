"""What a resource still needs: nothing, a prepare Job or a shard Job."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shardwright_operator.api.duration import seconds
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Artifact, Status
from shardwright_operator.decide.inputs import artifact_inputs, short_hash
from shardwright_operator.decide.world import Claim, Config, Observed

Stage = Literal["Prepare", "Shard"]


@dataclass(frozen=True, slots=True)
class Need:
    """A stage to run. `inputs` marks its Jobs, `source_inputs` the source that prepare resolves.

    `upkeep`: the artifact is published, this only looks after it.
    """

    stage: Stage
    inputs: str
    source_inputs: str
    upkeep: bool = False


def find_need(now: datetime, config: Config, observed: Observed, spec: Spec, claim: Claim) -> Need | None:
    """The next stage, None if the wanted artifact is published and nothing is due."""
    resource = observed.resource
    status = resource.status
    wanted = artifact_inputs(config, resource, spec)
    prepare = short_hash(wanted, resource.requested_at, claim.uid)
    source = status.source
    if source is None or source.inputs != prepare:
        return Need("Prepare", prepare, prepare, upkeep=is_published(status, wanted, claim))
    if status.artifact is None or status.artifact.key != source.key or status.artifact.claim_uid != claim.uid:
        return Need("Shard", short_hash(prepare, source.key), prepare)
    if due := _upkeep_due(now, observed, spec, status.artifact):
        return Need("Prepare", short_hash(prepare, due), prepare, upkeep=True)
    return None


def is_published(status: Status, wanted: str, claim: Claim | None) -> bool:
    """Whether the artifact that the spec asks for is published on the claim that is there now."""
    artifact = status.artifact
    return artifact is not None and claim is not None and (artifact.inputs, artifact.claim_uid) == (wanted, claim.uid)


def _upkeep_due(now: datetime, observed: Observed, spec: Spec, artifact: Artifact) -> str:
    """Why the published artifact must be looked after now, empty if it need not."""
    if wants_pruning(spec, observed.resource.status, artifact) and not mounted_whole(observed, spec):
        return f"prune {artifact.key} {spec.output.keep}"
    if spec.recheck and now >= next_recheck(spec, artifact):
        return f"recheck {artifact.checked_at or artifact.completed_at}"
    return ""


def mounted_whole(observed: Observed, spec: Spec) -> bool:
    """Whether some running pod mounts the whole volume, so that nobody can tell which artifact it uses."""
    return "" in observed.claim_users.get(spec.output.persistent_volume_claim.claim_name, ())


def wants_pruning(spec: Spec, status: Status, artifact: Artifact) -> bool:
    """Whether older artifacts may have to go since this one was published."""
    return spec.output.keep is not None and status.upkeep.get("prunedFor") != f"{artifact.key}/{spec.output.keep}"


def next_recheck(spec: Spec, artifact: Artifact) -> datetime:
    """When the artifact is looked at again."""
    assert spec.recheck is not None
    return (artifact.checked_at or artifact.completed_at) + timedelta(seconds=seconds(spec.recheck.interval))

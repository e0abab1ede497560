"""What a resource still needs: nothing, a prepare Job or a shard Job."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shardwright_operator.api.duration import seconds
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Artifact, Status
from shardwright_operator.build.job import folder_on_volume
from shardwright_operator.decide.inputs import artifact_inputs, short_hash, source_inputs
from shardwright_operator.decide.request import request_of
from shardwright_operator.decide.world import Claim, Config, Observed

Stage = Literal["Prepare", "Shard"]


@dataclass(frozen=True, slots=True)
class Need:
    """A stage to run. `inputs` marks its Jobs, `source_inputs` the source that prepare resolves.

    `upkeep`: the artifact is published, this only looks after it; `prunes`: that is what it is for.
    `key`: the artifact that it must report, if known.
    """

    stage: Stage
    inputs: str
    source_inputs: str
    upkeep: bool = False
    prunes: bool = False
    key: str = ""


def find_need(now: datetime, config: Config, observed: Observed, spec: Spec, claim: Claim) -> Need | None:
    """The next stage, None if the wanted artifact is published and nothing is due."""
    status, source = observed.resource.status, observed.resource.status.source
    wanted = artifact_inputs(config, observed.resource, spec)
    prepare = source_inputs(wanted, request_of(observed), claim.uid)
    if source is None or source.inputs != prepare:
        return Need("Prepare", prepare, prepare, upkeep=is_published(config, observed, spec, claim))
    if status.artifact is None or status.artifact.key != source.key or status.artifact.claim_uid != claim.uid:
        return Need("Shard", short_hash(prepare, source.key), prepare, key=source.key)
    artifact = status.artifact
    if wants_pruning(spec, status, artifact) and artifacts_in_use(observed, spec) is not None:
        due = f"prune {artifact.key} {spec.output.keep}"
        return Need("Prepare", short_hash(prepare, due), prepare, upkeep=True, prunes=True)
    if spec.recheck and now >= next_recheck(spec, artifact):
        due = f"recheck {artifact.checked_at or artifact.completed_at}"
        return Need("Prepare", short_hash(prepare, due), prepare, upkeep=True)
    return None


def is_prepared(config: Config, observed: Observed, spec: Spec, claim: Claim | None) -> bool:
    """Whether the source is resolved for what the spec asks for now."""
    source = observed.resource.status.source
    if source is None or claim is None:
        return False
    wanted = artifact_inputs(config, observed.resource, spec)
    return source.inputs == source_inputs(wanted, request_of(observed), claim.uid)


def is_published(config: Config, observed: Observed, spec: Spec, claim: Claim) -> bool:
    """Whether the artifact that the spec asks for is published on the claim that is there now."""
    artifact, source = observed.resource.status.artifact, observed.resource.status.source
    wanted = artifact_inputs(config, observed.resource, spec)
    if artifact is None or (artifact.inputs, artifact.claim_uid) != (wanted, claim.uid):
        return False
    moved = is_prepared(config, observed, spec, claim) and source is not None and source.key != artifact.key
    return not moved


def artifacts_in_use(observed: Observed, spec: Spec) -> list[str] | None:
    """Keys of artifacts that are mounted or another resource's; None if a pod mounts more: who knows what it uses."""
    folder = folder_on_volume(observed.resource.namespace, observed.resource.name, spec) + "/"
    keys = set()
    for path in observed.claim_users.get(spec.output.persistent_volume_claim.claim_name, ()):
        mounted = f"{path.strip('/')}/".lstrip("/")
        if folder.startswith(mounted):
            return None
        if mounted.startswith(folder):
            keys.add(mounted.removeprefix(folder).split("/")[0])
    return sorted(keys)


def wants_pruning(spec: Spec, status: Status, artifact: Artifact) -> bool:
    """Whether older artifacts may have to go since this one was published."""
    return spec.output.keep is not None and status.upkeep.get("prunedFor") != f"{artifact.key}/{spec.output.keep}"


def next_recheck(spec: Spec, artifact: Artifact) -> datetime:
    """When the artifact is looked at again."""
    assert spec.recheck is not None
    return (artifact.checked_at or artifact.completed_at) + timedelta(seconds=seconds(spec.recheck.interval))

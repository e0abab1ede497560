"""What a resource still needs: nothing, a prepare Job or a shard Job."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shardwright_operator.api.duration import seconds
from shardwright_operator.api.maintenance_status import SourceFetch
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Artifact, ResolvedSource, Status
from shardwright_operator.decide.fingerprint import artifact_inputs, short_hash, source_inputs
from shardwright_operator.decide.observed import Claim, Config, Observed
from shardwright_operator.decide.pruning import due_pruning
from shardwright_operator.decide.request import request_of
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.verification_levels import satisfies

Stage = Literal["Prepare", "Shard"]


@dataclass(frozen=True, slots=True)
class Need:
    """A stage to run. `inputs` marks its Jobs, `source_inputs` the source that prepare resolves.

    `upkeep`: the artifact is published, this only looks after it; `prunes`: that is what it is for.
    `restores`: whether a damaged artifact is back, nothing else: no accelerator may follow from it.
    `fetches`: a hub's source for a proof, which an artifact that was found finished had no need of.
    `key` and `level`: the artifact that it must report, if known, and how it must have been proven.
    """

    stage: Stage
    inputs: str
    source_inputs: str
    upkeep: bool = False
    prunes: bool = False
    key: str = ""
    level: str = ""
    restores: bool = False
    fetches: bool = False


def find_need(now: datetime, config: Config, observed: Observed, spec: Spec, claim: Claim) -> Need | None:
    """The next stage, None if the wanted artifact is published and nothing is due."""
    status, source = observed.resource.status, observed.resource.status.source
    wanted = artifact_inputs(config, observed.resource, spec)
    prepare = source_inputs(wanted, request_of(observed), claim.uid)
    if source is None or source.inputs != prepare:
        return Need("Prepare", prepare, prepare, upkeep=is_published(config, observed, spec, claim))
    if status.artifact is None or status.artifact.key != source.key or status.artifact.claim_uid != claim.uid:
        if since := due_restoration(now, status, spec):
            return Need("Prepare", short_hash(prepare, f"restored {since}"), prepare, restores=True)
        return Need("Shard", short_hash(prepare, source.key), prepare, key=source.key, level=spec.verification)
    artifact = status.artifact
    if not satisfies(artifact.verified_by, spec.verification):
        fetched = fetched_for(source.key, spec.verification)
        if spec.source.hugging_face and not source.fingerprint and status.maintenance.source_fetched_for != fetched:
            inputs = short_hash(prepare, f"{fetched.artifact}/{fetched.verification}")
            return Need("Prepare", inputs, prepare, fetches=True)
        # The shard Job finds the artifact published, and only proves it.
        inputs = short_hash(prepare, source.key, spec.verification)
        return Need("Shard", inputs, prepare, key=source.key, level=spec.verification)
    if due := due_pruning(now, observed, spec, artifact):
        return Need("Prepare", short_hash(prepare, due), prepare, upkeep=True, prunes=True)
    if spec.recheck and now >= next_recheck(spec, artifact):
        due = f"recheck {artifact.checked_at or artifact.completed_at}"
        return Need("Prepare", short_hash(prepare, due), prepare, upkeep=True)
    return None


def fetched_for(key: str, level: str) -> SourceFetch:
    """What status.maintenance records of a source that was fetched for a proof alone."""
    return SourceFetch(artifact=key, verification=level)


def is_prepared(config: Config, observed: Observed, spec: Spec, claim: Claim | None) -> bool:
    """Whether the source is resolved for what the spec asks for now."""
    source = observed.resource.status.source
    if source is None or claim is None:
        return False
    wanted = artifact_inputs(config, observed.resource, spec)
    return source.inputs == source_inputs(wanted, request_of(observed), claim.uid)


def is_published(config: Config, observed: Observed, spec: Spec, claim: Claim) -> bool:
    """Whether the artifact that the spec asks for is published on the claim that is there now, and proven as asked."""
    artifact, source = observed.resource.status.artifact, observed.resource.status.source
    wanted = artifact_inputs(config, observed.resource, spec)
    if artifact is None or (artifact.inputs, artifact.claim_uid) != (wanted, claim.uid):
        return False
    if not satisfies(artifact.verified_by, spec.verification):
        return False
    if source is None or source.key == artifact.key:
        return True
    # Without inputs it is the one that a shard Job has failed with, and that is looked at again.
    return source.inputs != "" and not is_prepared(config, observed, spec, claim)


def is_unasked(need: Need, source: ResolvedSource | None) -> bool:
    """Whether this only looks after what is published, as time or pruning asks for and no person does.

    Such a look is about the artifact: a source that is gone by now does not keep it from being looked at.
    """
    return need.upkeep and source is not None and source.inputs == need.source_inputs


def next_recheck(spec: Spec, artifact: Artifact) -> datetime:
    """When the artifact is looked at again."""
    assert spec.recheck is not None
    return (artifact.checked_at or artifact.completed_at) + timedelta(seconds=seconds(spec.recheck.interval))


def due_restoration(now: datetime, status: Status, spec: Spec) -> str:
    """Since when an artifact is known to be damaged, if it is time to look whether somebody has restored it."""
    failure, retry = status.last_failure, status.retry
    if spec.recheck is None or failure is None or failure.time is None or retry is None or not retry.stopped:
        return ""
    if failure.reason is not Reason.ARTIFACT_DAMAGED:
        return ""
    # A later failure of the look itself does not change what it is for.
    due = failure.time + timedelta(seconds=seconds(spec.recheck.interval))
    return failure.time.isoformat() if now >= due else ""

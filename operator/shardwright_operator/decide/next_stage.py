"""The stage that a resource needs next: none, prepare or shard."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shardwright_operator.api.duration import seconds
from shardwright_operator.api.maintenance_status import SourceFetch
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Artifact, ResolvedSource, Status
from shardwright_operator.decide.input_hashes import Inputs, short_hash
from shardwright_operator.decide.observed import Observed
from shardwright_operator.decide.pruning import due_pruning
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.verification_levels import satisfies

Stage = Literal["Prepare", "Shard"]


@dataclass(frozen=True, slots=True)
class NextStage:
    """A stage to run. `inputs` is the hash that labels its Jobs.

    `key` and `level`: the artifact that its report must name, if known, and the verification level it must have.
    `maintains`: the artifact is published, and prepare inspects it. `scheduled`: that is due by spec.recheck or
    spec.output.historyLimit, without a change or a request of the user; `prunes`: it removes older artifacts.
    `restores`: prepare only checks whether a damaged artifact is back, and no accelerators are taken for it.
    `downloads_source`: prepare downloads the source for a verification alone; the artifact was found published.
    """

    stage: Stage
    inputs: str
    key: str = ""
    level: str = ""
    maintains: bool = False
    scheduled: bool = False
    prunes: bool = False
    restores: bool = False
    downloads_source: bool = False


def next_stage_of(now: datetime, observed: Observed, status: Status, inputs: Inputs) -> NextStage | None:
    """Return the next stage, None if the desired artifact is published and nothing is due."""
    source, artifact = status.source, status.artifact
    if source is None or source.inputs != inputs.source:
        return NextStage("Prepare", inputs.source, maintains=is_published(status, inputs))
    if artifact is None or artifact.key != source.key or artifact.claim_uid != inputs.claim.uid:
        return _build(now, status, inputs, source)
    if not satisfies(artifact.verified_by, inputs.spec.verification):
        return _verify(status, inputs, source)
    return _maintain(now, observed, status, inputs, artifact)


def _build(now: datetime, status: Status, inputs: Inputs, source: ResolvedSource) -> NextStage:
    if since := _due_restoration(now, status, inputs.spec):
        return NextStage("Prepare", short_hash(inputs.source, f"restored {since}"), restores=True)
    name = short_hash(inputs.source, source.key)
    return NextStage("Shard", name, key=source.key, level=inputs.spec.verification)


def _verify(status: Status, inputs: Inputs, source: ResolvedSource) -> NextStage:
    """The artifact is published, and verified less than spec.verification asks."""
    level = inputs.spec.verification
    fetched = fetched_for(source.key, level)
    if inputs.spec.source.is_downloaded and not source.fingerprint and status.maintenance.source_fetched_for != fetched:
        return NextStage("Prepare", short_hash(inputs.source, f"{source.key}/{level}"), downloads_source=True)
    # The shard Job finds the artifact published, and only verifies it.
    return NextStage("Shard", short_hash(inputs.source, source.key, level), key=source.key, level=level)


def _maintain(
    now: datetime, observed: Observed, status: Status, inputs: Inputs, artifact: Artifact
) -> NextStage | None:
    if due := due_pruning(now, observed, status, inputs.spec, artifact):
        return NextStage("Prepare", short_hash(inputs.source, due), maintains=True, scheduled=True, prunes=True)
    if inputs.spec.recheck and now >= next_recheck(inputs.spec, artifact):
        due = f"recheck {artifact.checked_at or artifact.completed_at}"
        return NextStage("Prepare", short_hash(inputs.source, due), maintains=True, scheduled=True)
    return None


def fetched_for(key: str, level: str) -> SourceFetch:
    """Return what status.maintenance records of a source that was fetched for a verification alone."""
    return SourceFetch(artifact=key, verification=level)


def is_prepared(status: Status, inputs: Inputs) -> bool:
    """Return whether the source is resolved for what the spec asks for now."""
    return status.source is not None and status.source.inputs == inputs.source


def is_published(status: Status, inputs: Inputs) -> bool:
    """Return whether the desired artifact is published on this very claim, and verified as spec.verification asks."""
    artifact, source = status.artifact, status.source
    if artifact is None or artifact.claim_uid != inputs.claim.uid or artifact.inputs != inputs.artifact:
        return False
    if not satisfies(artifact.verified_by, inputs.spec.verification):
        return False
    if source is None or source.key == artifact.key:
        return True
    # Without inputs it is the source that a shard Job has failed with, and that prepare resolves again.
    return source.inputs != "" and not is_prepared(status, inputs)


def next_recheck(spec: Spec, artifact: Artifact) -> datetime:
    """Return when spec.recheck asks to inspect the artifact again."""
    assert spec.recheck is not None
    return (artifact.checked_at or artifact.completed_at) + timedelta(seconds=seconds(spec.recheck.interval))


def _due_restoration(now: datetime, status: Status, spec: Spec) -> str:
    """Return since when the artifact is known to be damaged, if it is time to check whether a user has restored it."""
    failure, retry = status.last_failure, status.retry
    if spec.recheck is None or failure is None or failure.time is None or retry is None or not retry.stopped:
        return ""
    if failure.reason is not Reason.ARTIFACT_DAMAGED:
        return ""
    # A later failure of this check itself does not change what it is for.
    due = failure.time + timedelta(seconds=seconds(spec.recheck.interval))
    return failure.time.isoformat() if now >= due else ""

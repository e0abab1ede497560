"""What a user reads back: the status of a ShardedCheckpoint as frozen types."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from shardwright_operator.api.field_types import Shown
from shardwright_operator.api.maintenance_status import Maintenance
from shardwright_worker.contract.reasons import Reason

HISTORY = 5


class Condition(Shown):
    """A condition by the Kubernetes API conventions."""

    type: str = Field(description="Its name.")
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    reason: str = Field(description="One word for programs.")
    message: str = Field("", description="What a person should know.")
    observed_generation: int = Field(0, description="Generation of the spec that it is about.")
    last_transition_time: datetime = Field(description="When status last changed.")


class ResolvedSource(Shown):
    """What prepare found. `inputs` is the hash of the spec it was resolved for; `key` names the artifact to come."""

    name: str = Field("", description="The source for people: repository and commit, or claim and path.")
    digest: str = Field(description="Digest over the names and digests of its files.")
    fingerprint: str = Field("", description="Hash over the names, sizes and times of its files.")
    revision: str = Field(description="The commit; the digest again for a source on a claim.")
    path: str = Field(description="Its folder in the volume.")
    volume: str = Field(description="The volume it is on: source or output.")
    bytes: int = Field(0, description="Size of its files.")
    files: int = Field(0, description="Number of its files.")
    key: str = Field("", description="Key of the artifact that is made from it.")
    inputs: str = Field("", description="Hash of the spec that it was resolved for.")
    claim_uid: str = Field("", description="The output claim that it was resolved for.")


class Artifact(Shown):
    """What is published and proven."""

    claim_name: str = Field(description="The claim that it is on.")
    path: str = Field(description="Its folder in the volume.")
    key: str = Field("", description="Name of the folder: a hash of all that decides its bytes.")
    manifest_digest: str = Field(description="SHA-256 of its manifest, shardwright.json.")
    source_revision: str = Field("", description="Commit, or digest, of the source.")
    bytes: int = Field(description="Size of its files.")
    size: str = Field("", description="The bytes for people.")
    files: int = Field(description="Number of its files.")
    tensor_parallel_size: int = Field(description="Serve it with this size and no other.")
    pipeline_parallel_size: int = Field(description="Serve it with this size and no other.")
    engine_image: str = Field("", description="The image that made it.")
    vllm_version: str = Field("", description="The vLLM that made it.")
    accelerator: str = Field("", description="Family of the accelerators that it was made on.")
    verified_by: str = Field("", description="How it was proven: Digests, Load or Generate.")
    completed_at: datetime = Field(description="When it was published.")
    inputs: str = Field("", description="Hash of the spec that it was made for.")
    claim_uid: str = Field("", description="The very claim that it is on.")
    checked_at: datetime | None = Field(None, description="When it was last looked at.")
    check_depth: str = Field(
        "", description="What that look read: Headers (manifest, sizes, headers) or Bytes (every byte)."
    )


class ServingVolume(Shown):
    """The volume of a serving pod."""

    claim_name: str = Field(description="The claim.")
    sub_path: str = Field(description="The artifact's folder in it.")
    mount_path: str = Field(description="Where the arguments expect it.")
    read_only: bool = Field(True, description="Nothing is ever written to it.")


class Serving(Shown):
    """Paste this into a Deployment: arguments of `vllm serve` and the volume they expect."""

    EXACT: ClassVar[frozenset[str]] = frozenset({"args"})

    args: list[str] = Field(description="Arguments of vllm serve.")
    volume: ServingVolume = Field(description="The volume that the arguments expect.")


class ProgressStatus(Shown):
    """How far the running stage is. Sizes in bytes."""

    stage: str = Field(description="What the worker does.")
    ranks_done: int | None = Field(None, description="Ranks that are through with it.")
    ranks: int | None = Field(None, description="All ranks.")
    bytes_done: int | None = Field(None, description="Bytes that are through.")
    bytes_total: int | None = Field(None, description="All bytes.")
    started_at: datetime | None = Field(None, description="When the stage was first seen.")
    estimated_completion: datetime | None = Field(None, description="When the stage ends if it goes on like this.")


class JobStatus(Shown):
    """The attempt that runs or is about to. Written before its Job is created."""

    name: str = Field(description="The Job.")
    stage: Literal["Prepare", "Shard"] = Field(description="Prepare or Shard.")
    attempt: int = Field(description="Its number; numbers only grow.")
    inputs: str = Field("", description="Hash of what the Job was made for.")
    claim_uid: str = Field("", description="The output claim it was made for.")
    started_at: datetime | None = Field(None, description="When the Job was created, once it was seen.")
    pod: str = Field("", description="Its pod, once that has started.")
    pod_since: datetime | None = Field(None, description="When that pod was created.")
    disruptions: int = Field(0, description="Pods of the Job that were lost and replaced: evicted, preempted, deleted.")
    last_disruption: str = Field("", description="The last of them, and what became of it.")


class Failure(Shown):
    """Why an attempt failed."""

    reason: Reason = Field(description="One word for programs.")
    message: str = Field(description="What went wrong.")
    stage: str = Field("", description="Prepare or Shard.")
    job: str = Field("", description="The Job that failed.")
    attempt: int = Field(0, description="Its number.")
    exit_code: int | None = Field(None, description="Exit code of the worker.")
    rank: int | None = Field(None, description="The rank that failed.")
    time: datetime | None = Field(None, description="When it failed.")
    counts: bool = Field(True, description="Whether it uses up one of spec.job.maxAttempts.")
    retry_after_seconds: float | None = Field(None, description="Seconds for which the hub asked to be left alone.")

    @field_validator("reason", mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        """A newer operator may have written a reason that this one does not know: the rest must still be read."""
        return value if value in set(Reason) else Reason.WORKER_PROTOCOL_ERROR


class Retry(Shown):
    """What failed attempts mean for the next one. `inputs` is what they were made with; other inputs start afresh.

    `stage` is Shard once a shard Job has failed: a prepare Job that goes well does not make up for that.
    """

    inputs: str = Field(description="Hash of what failed; other inputs start afresh.")
    stage: str = Field("", description="Shard once a shard Job has failed.")
    failures: int = Field(0, description="Failures that count.")
    disruptions: int = Field(0, description="Those that do not.")
    unexplained: int = Field(0, description="Shard Jobs that failed for a reason that nobody understands.")
    next_attempt_at: datetime | None = Field(None, description="When the next attempt starts.")
    stopped: bool = Field(False, description="Whether a person is waited for.")


class Durations(Shown):
    """Seconds that each stage of the published artifact took."""

    prepare: float | None = Field(None, description="The whole prepare stage.")
    queue: float | None = Field(None, description="From the shard Job's creation to its start.")
    load: float | None = Field(None, description="Loading the source.")
    save: float | None = Field(None, description="Writing the shards.")
    verify: float | None = Field(None, description="Proving them.")
    publish: float | None = Field(None, description="Giving them their name.")

    def to_wire(self) -> dict[str, float]:
        """Stage -> seconds, without stages that are not known."""
        return self.model_dump(exclude_none=True)


class Status(Shown):
    """The whole status. `engineImage` is the operator's default as it was when this resource was first seen."""

    EXACT: ClassVar[frozenset[str]] = frozenset({"last_handled_reconcile_at"})

    observed_generation: int = Field(
        -1, description="Generation of the spec that this is about; -1: nobody has looked."
    )
    conditions: Annotated[list[Condition], Field(max_length=16)] = Field(
        default_factory=list, description="How it stands; Ready first."
    )
    engine_image: str = Field("", description="The operator's default image when this resource was first seen.")
    attempt: int = Field(0, description="Highest number of an attempt so far.")
    source: ResolvedSource | None = None
    artifact: Artifact | None = None
    serving: Serving | None = None
    progress: ProgressStatus | None = None
    job: JobStatus | None = None
    retry: Retry | None = None
    last_failure: Failure | None = None
    failed_attempts: Annotated[list[Failure], Field(max_length=HISTORY)] = Field(
        default_factory=list, description="The last attempts that failed, oldest first."
    )
    duration_seconds: Durations = Field(default_factory=Durations)
    maintenance: Maintenance = Field(default_factory=Maintenance)
    last_handled_reconcile_at: str | None = Field(
        None, description="The last value of the annotation reconcile.fluxcd.io/requestedAt that was acted on."
    )

    def condition(self, type_: str) -> Condition | None:
        """The condition of this type, None if it is not shown."""
        return next((one for one in self.conditions if one.type == type_), None)

    def to_wire(self) -> dict[str, Any]:
        """Plain JSON types, without what is empty."""
        values = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {name: value for name, value in values.items() if value not in ([], {}, "")}

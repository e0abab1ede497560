"""What a user reads back: the status of a ShardedCheckpoint as frozen types."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from shardwright_operator.api.spec import Api
from shardwright_worker.contract.reasons import Reason

HISTORY = 5


class Condition(Api):
    """A condition by the Kubernetes API conventions."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""
    observed_generation: int = 0
    last_transition_time: datetime


class ResolvedSource(Api):
    """What prepare found. `inputs` is the hash of the spec it was resolved for; `key` names the artifact to come."""

    name: str = Field("", description="The source for people: repository and commit, or claim and path.")
    digest: str
    revision: str
    path: str
    volume: str
    bytes: int = 0
    files: int = 0
    key: str = ""
    inputs: str = ""
    claim_uid: str = ""


class Artifact(Api):
    """What is published and proven."""

    claim_name: str
    path: str
    key: str = ""
    manifest_digest: str
    source_revision: str = ""
    bytes: int
    size: str = Field("", description="The bytes for people.")
    files: int
    tensor_parallel_size: int
    pipeline_parallel_size: int
    engine_image: str = ""
    vllm_version: str = ""
    accelerator: str = ""
    verified_by: str = ""
    completed_at: datetime
    inputs: str = ""
    claim_uid: str = ""
    checked_at: datetime | None = None


class ServingVolume(Api):
    """The volume of a serving pod."""

    claim_name: str
    sub_path: str
    mount_path: str
    read_only: bool = True


class Serving(Api):
    """Paste this into a Deployment: arguments of `vllm serve` and the volume they expect."""

    args: list[str]
    volume: ServingVolume


class ProgressStatus(Api):
    """How far the running stage is. Sizes in bytes."""

    stage: str
    ranks_done: int | None = None
    ranks: int | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    started_at: datetime | None = Field(None, description="When the stage was first seen.")
    estimated_completion: datetime | None = None


class JobStatus(Api):
    """The attempt that runs or is about to. Written before its Job is created."""

    name: str
    stage: Literal["Prepare", "Shard"]
    attempt: int
    inputs: str = ""
    claim_uid: str = ""
    started_at: datetime | None = None


class Failure(Api):
    """Why an attempt failed."""

    reason: Reason
    message: str
    stage: str = ""
    job: str = ""
    attempt: int = 0
    exit_code: int | None = None
    rank: int | None = None
    time: datetime | None = None

    @field_validator("reason", mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        """A newer operator may have written a reason that this one does not know: the rest must still be read."""
        return value if value in set(Reason) else Reason.WORKER_PROTOCOL_ERROR


class Retry(Api):
    """What failed attempts mean for the next one. `inputs` is what they were made with; other inputs start afresh.

    `stage` is Shard once a shard Job has failed: a prepare Job that goes well does not make up for that.
    """

    inputs: str
    stage: str = ""
    failures: int = 0
    disruptions: int = 0
    next_attempt_at: datetime | None = None
    stopped: bool = False


class Durations(Api):
    """Seconds that each stage of the published artifact took."""

    prepare: float | None = None
    queue: float | None = None
    load: float | None = None
    save: float | None = None
    verify: float | None = None
    publish: float | None = None

    def to_wire(self) -> dict[str, float]:
        """Stage -> seconds, without stages that are not known."""
        return self.model_dump(exclude_none=True)


class Status(Api):
    """The whole status. `engineImage` is the operator's default as it was when this resource was first seen."""

    observed_generation: int = -1
    conditions: Annotated[list[Condition], Field(max_length=16)] = Field(default_factory=list)
    engine_image: str = ""
    attempt: int = 0
    source: ResolvedSource | None = None
    artifact: Artifact | None = None
    serving: Serving | None = None
    progress: ProgressStatus | None = None
    job: JobStatus | None = None
    retry: Retry | None = None
    last_failure: Failure | None = None
    attempts: Annotated[list[Failure], Field(max_length=HISTORY)] = Field(default_factory=list)
    durations: Durations = Field(default_factory=Durations)
    upkeep: dict[str, str] = Field(default_factory=dict)
    last_handled_reconcile_at: str | None = None

    def condition(self, type_: str) -> Condition | None:
        """The condition of this type, None if it is not shown."""
        return next((one for one in self.conditions if one.type == type_), None)

    def to_wire(self) -> dict[str, Any]:
        """Plain JSON types, without what is empty."""
        values = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {name: value for name, value in values.items() if value not in ([], {}, "")}

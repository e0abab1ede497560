"""The status of a ShardedCheckpoint as frozen types: what the operator writes and users and tools read.

A condition has the fields of metav1.Condition:
https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from shardwright_operator.api.artifact_status import Artifact, ResolvedSource, Serving, ServingVolume
from shardwright_operator.api.attempt_status import (
    HISTORY,
    AcceleratorTime,
    Failure,
    JobStatus,
    ProgressStatus,
    RetryRecord,
)
from shardwright_operator.api.field_types import StatusPart
from shardwright_operator.api.maintenance_status import Maintenance

__all__ = [
    "HISTORY",
    "AcceleratorTime",
    "Artifact",
    "Condition",
    "Durations",
    "Failure",
    "JobStatus",
    "Maintenance",
    "ProgressStatus",
    "ResolvedSource",
    "RetryRecord",
    "Serving",
    "ServingVolume",
    "Status",
]


class Condition(StatusPart):
    """One condition of the resource, as in Kubernetes' API conventions."""

    type: str = Field(
        description="What the condition is about. Ready, Reconciling and Stalled summarize; VolumeReady, SourceReady,"
        " ShardsComplete, MetadataComplete and Verified are details."
    )
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    reason: str = Field(
        description="Machine-readable cause of the status. docs/failure-modes.md lists all with what to do about each."
    )
    message: str = Field("", description="Human-readable details.")
    observed_generation: int = Field(0, description="metadata.generation of the spec that the condition is about.")
    last_transition_time: datetime = Field(description="Time at which the status last changed.")


class Durations(StatusPart):
    """Seconds that the stages of the last successful Jobs took. Stages that are not known yet are left out."""

    prepare: float | None = Field(
        None, description="Seconds of the prepare Job's worker: resolving, downloading and checking the source."
    )
    queue: float | None = Field(
        None, description="Seconds from the creation of the shard Job to the start of its first container."
    )
    load: float | None = Field(
        None, description="Seconds spent loading the source with vLLM: import, configure, startRanks and readWeights."
    )
    import_: float | None = Field(
        None, alias="import", description="Seconds of load in which the worker waited for the import of vLLM."
    )
    configure: float | None = Field(
        None, description="Seconds of load spent on the engine's configuration and the tokenizer."
    )
    start_ranks: float | None = Field(
        None, description="Seconds of load from then until the first rank had built its model and began to read."
    )
    read_weights: float | None = Field(
        None, description="Seconds of load from then until the first rank began to write its parts."
    )
    save: float | None = Field(None, description="Seconds spent writing the parts of all ranks.")
    verify: float | None = Field(None, description="Seconds spent verifying the artifact.")
    measure: float | None = Field(None, description="Seconds spent measuring loads, if spec.measure is set.")
    publish: float | None = Field(None, description="Seconds spent publishing: manifest, fsync, rename.")

    def to_wire(self) -> dict[str, float]:
        """Return stage -> seconds, without stages that are not known."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Status(StatusPart):
    """State of the resource as the operator last observed it. Users do not edit it."""

    EXACT: ClassVar[frozenset[str]] = frozenset({"last_handled_reconcile_at"})

    observed_generation: int = Field(
        -1,
        description="metadata.generation of the spec that the status is about. -1 until the operator has seen the"
        " resource.",
    )
    conditions: Annotated[list[Condition], Field(max_length=16)] = Field(
        default_factory=list,
        description="State of the resource in the form that kubectl wait, Flux and Argo CD read. Ready comes first.",
    )
    engine_image: str = Field(
        "",
        description="The operator's default engine image at the time it first saw this resource. It is used while"
        " spec.engine.image is empty, so that an upgrade of the operator rebuilds nothing.",
    )
    attempt: int = Field(0, description="Highest number of an attempt so far.")
    source: ResolvedSource | None = None
    artifact: Artifact | None = None
    serving: Serving | None = None
    progress: ProgressStatus | None = None
    job: JobStatus | None = None
    retry: RetryRecord | None = None
    last_failure: Failure | None = Field(
        None, description="The last failed attempt. Removed when the artifact is verified or the failure is resolved."
    )
    failed_attempts: Annotated[list[Failure], Field(max_length=HISTORY)] = Field(
        default_factory=list, description="The last five failed attempts, oldest first."
    )
    duration_seconds: Durations = Field(default_factory=Durations)
    accelerator_time: AcceleratorTime | None = None
    maintenance: Maintenance = Field(default_factory=Maintenance)
    last_handled_reconcile_at: str | None = Field(
        None,
        description="Value of the annotation reconcile.fluxcd.io/requestedAt that the operator acted on last.",
    )

    def condition(self, type_: str) -> Condition | None:
        """Return the condition of this type, None if the status has none."""
        return next((one for one in self.conditions if one.type == type_), None)

    def to_wire(self) -> dict[str, Any]:
        """Return the status in plain JSON types, without fields that are empty."""
        values = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {name: value for name, value in values.items() if value not in ([], {}, "")}

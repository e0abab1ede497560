"""The part of the status that describes attempts: the one in progress, those that failed, and what follows."""

from datetime import datetime
from typing import Literal

from pydantic import Field, field_validator

from shardwright_operator.api.field_types import StatusPart
from shardwright_worker.contract.reasons import UNEXPLAINED_ATTEMPTS, Reason

HISTORY = 5  # failed attempts that the status keeps


class ProgressStatus(StatusPart):
    """Progress of the stage that the running worker is in. It is updated every few seconds."""

    stage: str = Field(
        description="Preparing, Downloading, Digesting, Loading, Saving, Verifying, Publishing or Measuring."
    )
    ranks_done: int | None = Field(None, description="Number of ranks that have finished the stage.")
    ranks: int | None = Field(None, description="Number of ranks in the stage.")
    bytes_done: int | None = Field(None, description="Bytes that the stage has processed.")
    bytes_total: int | None = Field(None, description="Bytes that the stage processes in all.")
    started_at: datetime | None = Field(None, description="Time at which the operator first saw the stage.")
    estimated_completion: datetime | None = Field(
        None, description="Expected end of the stage at its average pace so far. Empty if that is unknown."
    )


class JobStatus(StatusPart):
    """The attempt that is running or about to start. It is written before its Job is created."""

    name: str = Field(description="Name of the Job.")
    stage: Literal["Prepare", "Shard"] = Field(
        description="What the Job does: Prepare resolves and checks the source without accelerators, Shard saves,"
        " verifies and publishes the artifact."
    )
    attempt: int = Field(description="Number of the attempt. Numbers only grow.")
    inputs: str = Field("", description="Hash of the settings that the Job was created for.")
    claim_uid: str = Field("", description="UID of the output claim that the Job was created for.")
    started_at: datetime | None = Field(
        None, description="Creation time of the Job. Empty until the operator has seen the Job."
    )
    pod: str = Field("", description="Name of its newest pod. Empty until a container of the Job has started.")
    pod_since: datetime | None = Field(None, description="Creation time of that pod.")
    accelerators: int = Field(0, description="Number of accelerators that a pod of it holds. 0 for Prepare.")
    disruptions: int = Field(
        0, description="Number of pods of this Job that were lost and replaced: evicted, preempted or deleted."
    )
    last_disruption: str = Field("", description="Why the last of them was lost, and the pod that replaced it.")


class AcceleratorTime(StatusPart):
    """Time for which pods of this resource have held accelerators, failed and stopped attempts included.

    A pod holds them from the start to the end of its worker container; it is counted when its attempt ends, or when it
    has been replaced. Pods that had disappeared before the operator saw their end are missing.
    """

    held_seconds: float = Field(
        0.0, description="Seconds that pods of shard Jobs ran, each times its number of accelerators."
    )
    counted_until: datetime | None = Field(
        None, description="End of the last pod that is counted. Nothing before that time is counted again."
    )


class Failure(StatusPart):
    """A failed attempt."""

    reason: Reason = Field(
        description="Machine-readable cause. docs/failure-modes.md lists all with what to do about each."
    )
    message: str = Field(description="What failed, with the field, file or object that is at fault.")
    stage: str = Field("", description="Stage of the Job: Prepare or Shard.")
    job: str = Field("", description="Name of the Job.")
    attempt: int = Field(0, description="Number of the attempt.")
    exit_code: int | None = Field(None, description="Exit code of the worker's container. Empty if it is unknown.")
    rank: int | None = Field(None, description="Rank that failed. Empty if the failure is not of one rank.")
    time: datetime | None = Field(None, description="Time at which the Job ended.")
    counts: bool = Field(
        True,
        description="Whether the attempt counts toward spec.job.maxAttempts. Disruptions, waits that the Hub asked for"
        " and pods that never ran do not.",
    )
    retry_after_seconds: float | None = Field(
        None, description="Seconds that the Hub asked to wait before the next request. Empty if it did not."
    )

    @field_validator("reason", mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        """Read a reason of a newer operator as one that is known, so that the rest of the status can be read."""
        return value if value in set(Reason) else Reason.WORKER_PROTOCOL_ERROR


class RetryRecord(StatusPart):
    """Failures with the current inputs and what follows from them. Other inputs start with a new record."""

    inputs: str = Field(description="Hash of the settings that the attempts failed with.")
    stage: str = Field(
        "",
        description="Shard once a shard Job has failed. The record is then kept when a prepare Job succeeds, and reset"
        " by a verified artifact.",
    )
    failures: int = Field(0, description="Number of failed attempts that count toward spec.job.maxAttempts.")
    disruptions: int = Field(
        0,
        description="Number of attempts that ended in a disruption or never ran. They do not count toward"
        " spec.job.maxAttempts.",
    )
    unexplained: int = Field(
        0,
        description="Number of shard Jobs that failed for an unknown reason."
        f" {UNEXPLAINED_ATTEMPTS} of them stop the retries.",
    )
    next_attempt_at: datetime | None = Field(
        None, description="Earliest time of the next attempt. Empty if none follows without user action."
    )
    stopped: bool = Field(False, description="True if the operator has stopped retrying and needs user action.")

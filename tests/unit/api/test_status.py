"""A status is written without what is empty, and reads back the same."""

from __future__ import annotations

from datetime import UTC, datetime

from shardwright_operator.api.status import Artifact, Condition, Durations, Failure, Status
from shardwright_worker.contract.reasons import Reason

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_status_reads_back_the_same_and_omits_empty_fields() -> None:
    artifact = Artifact(
        claim_name="shards",
        path="models/llama/k",
        manifest_digest="m",
        bytes=1,
        files=1,
        tensor_parallel_size=2,
        pipeline_parallel_size=1,
        completed_at=NOW,
    )
    status = Status(
        observed_generation=3,
        conditions=[Condition(type="Ready", status="True", reason="Succeeded", last_transition_time=NOW)],
        artifact=artifact,
        duration_seconds=Durations(load=1.5),
        last_failure=Failure(reason=Reason.OUT_OF_MEMORY, message="killed", time=NOW),
    )
    wire = status.to_wire()
    assert Status.model_validate(wire) == status
    assert wire["durationSeconds"] == {"load": 1.5}
    assert wire["conditions"][0]["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert not {"job", "progress", "serving", "failedAttempts", "maintenance"} & set(wire)


def test_the_status_of_a_new_resource_is_the_empty_status() -> None:
    assert Status.model_validate({"observedGeneration": -1}) == Status()


def test_a_reason_of_a_newer_operator_is_read_as_a_known_one() -> None:
    status = Status.model_validate({"lastFailure": {"reason": "Tomorrow", "message": "m"}})
    assert status.last_failure is not None
    assert status.last_failure.reason is Reason.WORKER_PROTOCOL_ERROR

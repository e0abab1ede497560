"""Metrics about resources: each status change is counted once, wherever it comes from."""

from __future__ import annotations

from shardwright_operator.api.status import AcceleratorTime, Artifact, Condition, Durations, Failure, JobStatus, Status
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.runtime.metrics import Metrics
from shardwright_operator.runtime.resource_metrics import ResourceMetrics
from shardwright_worker.contract.reasons import Reason

TIME = "2026-01-01T00:00:00Z"


def status(ready: str, reason: str, **fields: object) -> Status:
    condition = Condition.model_validate(
        {"type": "Ready", "status": ready, "reason": reason, "lastTransitionTime": TIME}
    )
    return Status(conditions=[condition]).model_copy(update=fields)


def test_resources_are_counted_by_condition_and_attempts_by_reason() -> None:
    metrics = Metrics()
    counted = ResourceMetrics(metrics)
    working = status("Unknown", "Progressing")
    failed = status(
        "False", "OutOfMemory", last_failure=Failure(reason=Reason.OUT_OF_MEMORY, message="m", stage="Shard")
    )
    artifact = Artifact.model_validate(
        {
            "claimName": "c",
            "path": "p",
            "manifestDigest": "d",
            "bytes": 7,
            "files": 1,
            "tensorParallelSize": 1,
            "pipelineParallelSize": 1,
            "completedAt": TIME,
        }
    )
    done = status("True", "Succeeded", artifact=artifact, duration_seconds=Durations(load=2.0, save=3.0))
    one, two = Key("n", "one"), Key("n", "two")
    for key, before, after in (
        (one, Status(), working),
        (two, Status(), working),
        (two, working, failed),
        (two, failed, failed),
        (one, working, done),
        (one, done, done),
    ):
        counted.record(key, before, after)
    value = metrics.registry.get_sample_value
    assert value("shardwright_resources", {"ready": "True", "reason": "Succeeded"}) == 1
    assert value("shardwright_resources", {"ready": "Unknown", "reason": "Progressing"}) == 0
    assert value("shardwright_attempts_total", {"stage": "Shard", "reason": "OutOfMemory"}) == 1
    assert value("shardwright_attempts_total", {"stage": "Shard", "reason": "Succeeded"}) == 1
    assert value("shardwright_artifact_bytes_total") == 7
    assert value("shardwright_stage_seconds_sum", {"stage": "save"}) == 3.0
    rechecked = artifact.model_copy(update={"checked_at": TIME})
    recheck = JobStatus(name="j", stage="Prepare", attempt=3)
    counted.record(one, done.model_copy(update={"job": recheck}), done.model_copy(update={"artifact": rechecked}))
    counted.record(two, working.model_copy(update={"job": recheck}), done)
    assert value("shardwright_attempts_total", {"stage": "Shard", "reason": "Succeeded"}) == 1, (
        "the artifact was found, not made"
    )
    assert value("shardwright_artifact_bytes_total") == 7
    counted.remove(two)
    counted.remove(one)
    assert value("shardwright_resources", {"ready": "True", "reason": "Succeeded"}) == 0


def test_accelerator_seconds_are_counted_once_for_each_status_that_adds_some() -> None:
    metrics = Metrics()
    counted = ResourceMetrics(metrics)
    none, some, more = (
        status("Unknown", "Progressing", accelerator_time=AcceleratorTime(held_seconds=held) if held else None)
        for held in (0, 60, 100)
    )
    one, two = Key("n", "one"), Key("n", "two")

    def total() -> float | None:
        return metrics.registry.get_sample_value("shardwright_accelerator_seconds_total")

    counted.record(one, some, some)
    assert total() == 0, "another process has counted them"
    counted.record(one, some, more)
    counted.record(one, some, more)  # the status could not be written, and the decision is made again
    counted.record(one, more, more)
    counted.record(two, none, some)
    assert total() == 40 + 60
    counted.remove(two)
    counted.record(two, none, some)  # another resource of this name
    assert total() == 40 + 60 + 60
    counted.record(two, none, none)  # and another one, whose predecessor was not seen to go
    counted.record(two, none, some)
    assert total() == 40 + 60 + 60 + 60

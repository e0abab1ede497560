"""What nodes do to pods, as the API server shows it: rejections, evictions, images without the worker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shardwright_operator.api.status import Failure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import Report
from tests.unit.decide.api_pods import STARTED, api_pod
from tools.testing.fake_namespace import FakeNamespace

NOT_FOUND = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed:"
    ' unable to start container process: exec: "shardwright-worker": executable file not found in $PATH: unknown'
)


def _ended(code: int, **state: Any) -> list[dict[str, Any]]:
    return [{"name": "worker", "state": {"terminated": {"exitCode": code, **state}}}]


def _failed(stage: str = "shard", attempts: int = 1, **status: Any) -> tuple[FakeNamespace, Failure]:
    """A namespace in which a pod of this stage has ended like this, and with it its Job."""
    namespace = FakeNamespace(job={"maxAttempts": attempts})
    namespace.settle()
    if stage == "shard":
        namespace.succeed()
        namespace.settle()
    (job,) = namespace.live_jobs()
    namespace.pods[job.name] = api_pod(job, phase="Failed", **status)
    failed = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    namespace.jobs[job.name] = replace(job, failed=failed, finished_at=namespace.now)
    namespace.settle()
    assert namespace.status.last_failure is not None
    return namespace, namespace.status.last_failure


@pytest.mark.parametrize(
    ("reason", "message", "named"),
    [
        ("UnexpectedAdmissionError", "Allocate failed due to no healthy devices present", Reason.DEVICE_UNAVAILABLE),
        ("OutOfnvidia.com/gpu", "Node didn't have enough resource: nvidia.com/gpu", Reason.DEVICE_UNAVAILABLE),
        ("UnexpectedAdmissionError", "Allocate failed due to not enough cpus available", Reason.DISRUPTED),
        ("OutOfcpu", "Node didn't have enough resource: cpu, requested: 500", Reason.DISRUPTED),
        ("OutOfpods", "Node didn't have enough resource: pods", Reason.DISRUPTED),
        ("NodeAffinity", "Predicate NodeAffinity failed: node(s) didn't match", Reason.DISRUPTED),
        ("NodeShutdown", "Pod was rejected as the node is shutting down.", Reason.DISRUPTED),
        ("Evicted", "The node had condition: [DiskPressure].", Reason.DISRUPTED),
        ("Preempting", "Preempted in order to admit critical pod", Reason.DISRUPTED),
        ("SomethingNew", "a word of a later kubelet", Reason.DISRUPTED),
    ],
)
@pytest.mark.parametrize("stage", ["prepare", "shard"])
def test_a_pod_that_its_node_rejected_costs_no_attempt(stage: str, reason: str, message: str, named: Reason) -> None:
    namespace, failure = _failed(stage, reason=reason, message=message)
    assert failure.reason == named
    assert reason in failure.message
    assert message.rstrip(".") in failure.message
    assert "node-7" in failure.message
    assert not failure.counts
    assert namespace.status.condition("Stalled") is None
    namespace.advance(1000)
    namespace.run_to_ready()


def test_an_eviction_for_its_own_use_of_the_disk_counts_and_keeps_the_nodes_message() -> None:
    message = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."
    ended = _ended(137, reason="Error", startedAt=STARTED)
    namespace, failure = _failed(reason="Evicted", message=message, containerStatuses=ended)
    assert failure.reason == Reason.DISRUPTED
    assert message.rstrip(".") in failure.message
    assert failure.counts, "it would be evicted again and again"
    namespace.succeed()  # it may have published before it was evicted, which prepare has checked
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)


def test_the_node_knows_better_than_the_worker_why_it_was_stopped() -> None:
    report = Report(stage="Shard", succeeded=False, reason=Reason.DISRUPTED, message="stopped by SIGTERM", exit_code=70)
    message = "Usage of EmptyDir volume scratch exceeds the limit 1Gi."
    ended = _ended(70, reason="Error", startedAt=STARTED, message=report.to_text())
    _, failure = _failed(reason="Evicted", message=message, containerStatuses=ended)
    assert failure.reason == Reason.DISRUPTED
    assert message.rstrip(".") in failure.message
    assert failure.counts, "it would be evicted again and again"


def test_an_eviction_by_a_node_under_pressure_does_not_count() -> None:
    target = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}
    message = "The node was low on resource: ephemeral-storage."
    ended = _ended(143, reason="Error", startedAt=STARTED)
    namespace, failure = _failed(reason="Evicted", message=message, containerStatuses=ended, conditions=[target])
    assert (failure.reason, failure.counts) == (Reason.DISRUPTED, False)
    assert "ephemeral-storage" in failure.message
    namespace.advance(1000)
    namespace.run_to_ready()


@pytest.mark.parametrize(
    "status",
    [
        {"containerStatuses": _ended(128, reason="StartError", message=NOT_FOUND)},
        {"containerStatuses": _ended(127, reason="ContainerCannotRun", message=NOT_FOUND)},
        {
            "containerStatuses": _ended(
                128,
                reason="StartError",
                message='runc create failed: unable to start container process: exec: "shardwright-worker": stat'
                " /usr/bin/shardwright-worker: no such file or directory: unknown",
            )
        },
        {"containerStatuses": _ended(127, reason="Error", message="sh: 1: shardwright-worker: not found\n")},
        {"containerStatuses": _ended(126, reason="Error", startedAt=STARTED)},
        {
            "containerStatuses": _ended(
                1, reason="Error", message="exec /usr/bin/shardwright-worker: exec format error", startedAt=STARTED
            )
        },
    ],
)
def test_an_image_without_the_worker_stops_at_once_and_says_what_to_build(status: dict[str, Any]) -> None:
    namespace, failure = _failed(attempts=5, **status)
    assert failure.reason == Reason.WORKER_NOT_IN_IMAGE
    assert namespace.ready() == ("False", Reason.WORKER_NOT_IN_IMAGE)
    assert namespace.status.condition("Stalled") is not None
    assert "worker/Dockerfile" in namespace.message()
    assert "spec.engine.image" in namespace.message()


def test_the_image_of_prepare_is_the_operators_own() -> None:
    state = _ended(128, reason="StartError", message=NOT_FOUND)
    namespace, failure = _failed("prepare", containerStatuses=state)
    assert failure.reason == Reason.WORKER_NOT_IN_IMAGE
    assert "worker.prepareImage" in namespace.message()


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("nvidia-container-cli: initialization error: driver rpc error", Reason.DEVICE_UNAVAILABLE),
        (
            'error running hook #0: exec: "nvidia-container-runtime-hook": executable file not found in $PATH: unknown',
            Reason.DEVICE_UNAVAILABLE,
        ),
        (
            'error mounting "/var/lib/kubelet/x" to rootfs at "/source": no such file or directory',
            Reason.POD_NOT_CREATED,
        ),
    ],
)
def test_other_containers_that_are_not_started_are_tried_again_and_do_not_count(message: str, named: Reason) -> None:
    namespace, failure = _failed(containerStatuses=_ended(128, reason="StartError", message=message))
    assert (failure.reason, failure.counts) == (named, False)
    assert message.split(":")[0] in failure.message
    namespace.advance(1000)
    namespace.run_to_ready()

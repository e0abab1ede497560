"""What nodes do to pods, as the API server shows it: refusals, evictions, images without the worker, silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shardwright_operator.api.status import Failure
from shardwright_operator.decide.observed import Job, Pod
from shardwright_operator.kube.convert.pod import convert_pod
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import Report
from tools.testing.fake_namespace import FakeNamespace

STARTED = "2026-01-01T00:00:00Z"
NOT_FOUND = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed:"
    ' unable to start container process: exec: "shardwright-worker": executable file not found in $PATH: unknown'
)


def _pod(job: Job, name: str = "", **status: Any) -> Pod:
    """A pod of the Job, read from what an API server says of it."""
    labels = {"shardwright.io/checkpoint-uid": "uid-1", "batch.kubernetes.io/job-name": job.name}
    owner = {"kind": "Job", "apiVersion": "batch/v1", "name": job.name, "uid": job.uid, "controller": True}
    metadata: dict[str, Any] = {"name": name or job.name, "namespace": "models", "uid": f"uid-{name}", "labels": labels}
    metadata |= {"creationTimestamp": STARTED, "ownerReferences": [owner], **status.pop("metadata", {})}
    raw: Mapping[str, Any] = {"metadata": metadata, "spec": {"nodeName": "node-7"}, "status": status}
    found = convert_pod(raw).value
    assert isinstance(found, Pod)
    return replace(found, job_name=job.name)


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
    namespace.pods[job.name] = _pod(job, phase="Failed", **status)
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
def test_a_pod_that_its_node_refused_costs_no_attempt(stage: str, reason: str, message: str, named: Reason) -> None:
    namespace, failure = _failed(stage, reason=reason, message=message)
    assert failure.reason == named
    assert reason in failure.message
    assert message.rstrip(".") in failure.message
    assert "node-7" in failure.message
    assert not failure.counts
    assert namespace.status.condition("Stalled") is None
    namespace.advance(1000)
    namespace.run_to_ready()


def test_an_eviction_for_its_own_use_of_the_disk_counts_and_keeps_the_nodes_words() -> None:
    words = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."
    ended = _ended(137, reason="Error", startedAt=STARTED)
    namespace, failure = _failed(reason="Evicted", message=words, containerStatuses=ended)
    assert failure.reason == Reason.DISRUPTED
    assert words.rstrip(".") in failure.message
    assert failure.counts, "it would be evicted again and again"
    namespace.succeed()  # it may have published before it was evicted, which prepare has looked at
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)


def test_the_node_knows_better_than_the_worker_why_it_was_stopped() -> None:
    report = Report(stage="Shard", succeeded=False, reason=Reason.DISRUPTED, message="stopped by SIGTERM", exit_code=70)
    words = "Usage of EmptyDir volume scratch exceeds the limit 1Gi."
    ended = _ended(70, reason="Error", startedAt=STARTED, message=report.to_text())
    _, failure = _failed(reason="Evicted", message=words, containerStatuses=ended)
    assert failure.reason == Reason.DISRUPTED
    assert words.rstrip(".") in failure.message
    assert failure.counts, "it would be evicted again and again"


def test_an_eviction_by_a_node_under_pressure_does_not_count() -> None:
    target = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}
    words = "The node was low on resource: ephemeral-storage."
    ended = _ended(143, reason="Error", startedAt=STARTED)
    namespace, failure = _failed(reason="Evicted", message=words, containerStatuses=ended, conditions=[target])
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


@pytest.mark.parametrize("waiting", ["CreateContainerError", "RunContainerError"])
def test_a_container_that_is_tried_again_for_ever_without_the_worker_is_given_up(waiting: str) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    (job,) = namespace.live_jobs()
    words = (
        "container create failed: executable file `shardwright-worker` not found in $PATH: No such file or directory"
    )
    state = [{"name": "worker", "state": {"waiting": {"reason": waiting, "message": words}}}]
    namespace.pods[job.name] = _pod(job, phase="Pending", containerStatuses=state)
    namespace.settle()
    assert namespace.ready() == ("False", Reason.WORKER_NOT_IN_IMAGE)
    assert not namespace.live_jobs()
    namespace.advance(1e6)
    namespace.settle()
    assert len(namespace.created) == 2


@pytest.mark.parametrize(
    ("words", "named"),
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
def test_other_containers_that_are_not_started_are_tried_again_and_do_not_count(words: str, named: Reason) -> None:
    namespace, failure = _failed(containerStatuses=_ended(128, reason="StartError", message=words))
    assert (failure.reason, failure.counts) == (named, False)
    assert words.split(":")[0] in failure.message
    namespace.advance(1000)
    namespace.run_to_ready()


def _silent(**metadata: Any) -> tuple[FakeNamespace, Job]:
    """A pod on a node whose kubelet has stopped, as the node lifecycle controller leaves it."""
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    conditions = [
        {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:45Z"},
        {"type": "ContainersReady", "status": "True"},
        {"type": "PodScheduled", "status": "True"},
    ]
    state = [{"name": "worker", "ready": True, "state": {"running": {"startedAt": STARTED}}}]
    namespace.pods[job.name] = _pod(
        job, phase="Running", conditions=conditions, containerStatuses=state, metadata=metadata
    )
    return namespace, job


def test_a_node_that_goes_silent_is_named() -> None:
    namespace, _ = _silent()
    plan = namespace.settle()
    assert namespace.ready() == ("False", Reason.NODE_UNREACHABLE)
    assert "node-7" in namespace.message()
    assert namespace.status.condition("Reconciling") is not None
    assert not plan.actions
    assert ("Warning", Reason.NODE_UNREACHABLE) in namespace.events


def test_a_pod_that_a_silent_node_keeps_from_going_is_still_the_nodes_fault() -> None:
    namespace, _ = _silent(deletionTimestamp="2026-01-01T00:05:45Z")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.NODE_UNREACHABLE)
    assert "is being deleted, and replaced" in namespace.message()


def test_a_node_that_comes_back_is_no_obstacle() -> None:
    namespace, job = _silent()
    namespace.settle()
    namespace.pods[job.name] = replace(namespace.pods[job.name], unreachable_since=None)
    namespace.run_to_ready()


@pytest.mark.parametrize(
    "conditions",
    [
        [
            {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": STARTED},
            {"type": "ContainersReady", "status": "False", "reason": "ContainersNotReady"},
        ],
        [
            {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady", "lastTransitionTime": STARTED},
            {"type": "ContainersReady", "status": "True"},
        ],
        [{"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"}],
    ],
)
def test_a_pod_that_its_own_kubelet_calls_not_ready_is_not_lost(conditions: list[dict[str, Any]]) -> None:
    namespace, job = _silent()
    state = [{"name": "worker", "state": {"running": {"startedAt": STARTED}}}]
    namespace.pods[job.name] = _pod(job, phase="Running", conditions=conditions, containerStatuses=state)
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING)


def _replaced(namespace: FakeNamespace, job: Job, number: int, gone: bool = False) -> None:
    """The Job's newest pod is evicted; another takes its place."""
    evicted = max((pod for pod in namespace.pods.values() if pod.job_name == job.name), key=lambda pod: pod.created_at)
    key = next(key for key, pod in namespace.pods.items() if pod is evicted)
    if gone:
        del namespace.pods[key]
    else:
        namespace.pods[key] = replace(
            evicted, phase="Failed", exit_code=143, disruption="EvictionByEvictionAPI", status_message="drained"
        )
    namespace.advance(30)
    name = f"{job.name}-{number}"
    namespace.pods[name] = replace(_pod(job, name, phase="Pending"), created_at=namespace.now, started_at=None)


def test_pods_that_are_replaced_within_a_job_are_counted_and_told_once() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    for number in (1, 2):
        _replaced(namespace, job, number, gone=number == 2)
        for _ in range(3):
            namespace.step()
        assert namespace.status.job is not None
        assert namespace.status.job.disruptions == number
        assert namespace.events.count(("Warning", Reason.DISRUPTED)) == number
    assert namespace.status.job is not None
    assert f"{job.name}-1" in namespace.status.job.last_disruption
    assert f"{job.name}-2" in namespace.status.job.last_disruption
    assert namespace.live_jobs()


def test_a_stale_look_counts_no_disruption_twice() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    before = namespace.observed()
    _replaced(namespace, job, 1)
    namespace.settle()
    old = replace(before, resource=namespace.observed().resource)
    namespace.step(old)
    namespace.settle()
    assert namespace.status.job is not None
    assert namespace.status.job.disruptions == 1

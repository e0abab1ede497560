"""What a node did to a pod that has no report: rejected, evicted, not started, or an image without the worker."""

import re
from dataclasses import dataclass

from shardwright_operator.decide.observed import Pod
from shardwright_operator.decide.sentences import clean
from shardwright_worker.contract.reasons import Reason

# Reasons of a container that was never started, by containerd, the kubelet and cri-dockerd:
# https://github.com/containerd/containerd/blob/v2.1.0/internal/cri/server/helpers.go
# https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/kuberuntime/kuberuntime_container.go
NOT_STARTED = frozenset({"StartError", "ContainerCannotRun", "CreateContainerError", "RunContainerError"})
# The message must name the program: hooks and runtimes of a node are programs, too, and no image contains those.
_NO_PROGRAM = re.compile(
    r"shardwright-worker\b.{0,200}(not found|no such file or directory|exec format error|permission denied)",
    re.IGNORECASE | re.DOTALL,
)
# What the last step before the program leaves in the log, where the file is there and cannot be executed.
_NOT_EXECUTED = re.compile(r"exec \S*shardwright-worker: (no such file|exec format|permission denied)", re.IGNORECASE)
_MOUNTING = re.compile(r"error mounting|failed to mount|mkdir |chdir ", re.IGNORECASE)
_DEVICE = re.compile(r"nvidia|cuda|gpu|amd\.com|habana|device plugin|allocate failed|CDI device", re.IGNORECASE)
_OWN_RESOURCES = re.compile(r"\bcpus?\b|\bmemory\b|hugepages|topology", re.IGNORECASE)
_SHELL_CODES = (126, 127)  # a program that may not be run, or that is not there


@dataclass(frozen=True, slots=True)
class NodeFailure:
    """The reason, and what the node says; `ran` is false where no process of the worker has ever started."""

    reason: Reason
    message: str
    ran: bool = False


def failure_by_node(pod: Pod) -> NodeFailure | None:
    """Return what its node did to a pod that ended without a report, None if the worker ended by itself."""
    message = clean(pod.termination_message)
    if is_worker_missing(pod.terminated_reason, pod.exit_code, message):
        return _not_in_image(pod, message)
    if pod.terminated_reason in NOT_STARTED:
        reason = Reason.DEVICE_UNAVAILABLE if _DEVICE.search(message) else Reason.POD_NOT_CREATED
        return NodeFailure(
            reason, f"The container of pod {pod.name} was not started: {pod.terminated_reason}: {message}"
        )
    if pod.exit_code in _SHELL_CODES:
        return _not_in_image(pod, f"exit code {pod.exit_code}" + (f": {message}" if message else ""))
    if pod.phase != "Failed" or not pod.status_reason:
        return None
    why = clean(": ".join(part for part in (pod.status_reason, pod.status_message) if part))
    node = f" by node {pod.node}" if pod.node else ""
    if pod.started_at is not None or pod.exit_code is not None:
        return NodeFailure(Reason.DISRUPTED, f"Pod {pod.name} was stopped{node}: {why}", ran=not pod.disruption)
    reason = Reason.DEVICE_UNAVAILABLE if _is_about_devices(pod) else Reason.DISRUPTED
    return NodeFailure(reason, f"Pod {pod.name} was rejected{node} before it ran: {why}")


def _not_in_image(pod: Pod, why: str) -> NodeFailure:
    return NodeFailure(Reason.WORKER_NOT_IN_IMAGE, f"The image of pod {pod.name} cannot run shardwright-worker: {why}")


def whose_image(reason: Reason, stage: str) -> str:
    """Return where the image of a stage comes from, if that is not what the advice of the reason is about."""
    if reason != Reason.WORKER_NOT_IN_IMAGE or stage != "Prepare":
        return ""
    return "The image of prepare is the operator's setting, worker.prepareImage of its chart"


def is_worker_missing(state: str, exit_code: int | None, message: str) -> bool:
    """Return whether a container did not start, or ended at once, since its image has no worker that can be run."""
    if exit_code and _NOT_EXECUTED.match(message):
        return True
    failed = state in NOT_STARTED or exit_code in (*_SHELL_CODES, 128)
    return failed and not _MOUNTING.search(message) and _NO_PROGRAM.search(message) is not None


def _is_about_devices(pod: Pod) -> bool:
    """Whether a device plugin had none left, or OutOf<resource> names a resource with a domain, as plugins have.

    https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/lifecycle/predicate.go
    """
    if pod.status_reason == "UnexpectedAdmissionError":
        return _OWN_RESOURCES.search(pod.status_message) is None
    return pod.status_reason.startswith("OutOf") and "/" in pod.status_reason

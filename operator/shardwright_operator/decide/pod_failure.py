"""What a node made of a pod without the worker's say: refused, evicted, not started, or an image without the worker."""

import re
from dataclasses import dataclass

from shardwright_operator.decide.observed import Pod
from shardwright_operator.decide.sentences import clean
from shardwright_worker.contract.reasons import Reason

# Reasons of a container that was never started: containerd and CRI-O, and runtimes behind cri-dockerd.
NOT_STARTED = frozenset({"StartError", "ContainerCannotRun", "CreateContainerError", "RunContainerError"})
# It names the program: hooks and runtimes of a node are programs, too, and no image can bring those.
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
class Said:
    """The reason and the node's words; `ran` is false where no process of ours was ever there."""

    reason: Reason
    message: str
    ran: bool = False


def said_of(pod: Pod) -> Said | None:
    """What its node did to a pod that ended without a word of the worker, None if the worker's end is its own."""
    words = clean(pod.termination_message)
    if is_worker_missing(pod.terminated_reason, pod.exit_code, words):
        return Said(Reason.WORKER_NOT_IN_IMAGE, f"The image of pod {pod.name} cannot run shardwright-worker: {words}")
    if pod.terminated_reason in NOT_STARTED:
        reason = Reason.DEVICE_UNAVAILABLE if _DEVICE.search(words) else Reason.POD_NOT_CREATED
        return Said(reason, f"The container of pod {pod.name} was not started: {pod.terminated_reason}: {words}")
    if pod.exit_code in _SHELL_CODES:
        code = f"exit code {pod.exit_code}" + (f": {words}" if words else "")
        return Said(Reason.WORKER_NOT_IN_IMAGE, f"The image of pod {pod.name} cannot run shardwright-worker: {code}")
    if pod.phase != "Failed" or not pod.status_reason:
        return None
    told = clean(": ".join(part for part in (pod.status_reason, pod.status_message) if part))
    node = f" by node {pod.node}" if pod.node else ""
    if pod.started_at is not None or pod.exit_code is not None:
        return Said(Reason.DISRUPTED, f"Pod {pod.name} was stopped{node}: {told}", ran=not pod.disruption)
    reason = Reason.DEVICE_UNAVAILABLE if _is_about_devices(pod) else Reason.DISRUPTED
    return Said(reason, f"Pod {pod.name} was refused{node} before it ran: {told}")


def whose_image(reason: Reason, stage: str) -> str:
    """Where the image of a stage comes from, if that is not what the advice of the reason is about."""
    if reason != Reason.WORKER_NOT_IN_IMAGE or stage != "Prepare":
        return ""
    return "The image of prepare is the operator's setting, worker.prepareImage of its chart"


def is_worker_missing(state: str, exit_code: int | None, words: str) -> bool:
    """Whether a container could not be started, or ended at once, since its image has no worker that it can run."""
    if exit_code and _NOT_EXECUTED.match(words):
        return True
    failed = state in NOT_STARTED or exit_code in (*_SHELL_CODES, 128)
    return failed and not _MOUNTING.search(words) and _NO_PROGRAM.search(words) is not None


def _is_about_devices(pod: Pod) -> bool:
    """A device plugin had none to give, or OutOf<resource> names a resource with a domain, which is a plugin's."""
    if pod.status_reason == "UnexpectedAdmissionError":
        return _OWN_RESOURCES.search(pod.status_message) is None
    return pod.status_reason.startswith("OutOf") and "/" in pod.status_reason

"""What keeps a live Job's pod from running: seen from its pods and from Warning events."""

from shardwright_operator.api.spec import Spec
from shardwright_operator.decide.verdict import Verdict, waiting, working
from shardwright_operator.decide.world import Job, Observed, Pod
from shardwright_worker.contract.reasons import Reason

_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
_CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


def find_obstacle(observed: Observed, spec: Spec, job: Job) -> Verdict | None:
    """Why the Job does not run yet, None if it runs or is about to."""
    if job.suspended and spec.job.queue_name:
        return working(f"Job {job.name} waits in the queue {spec.job.queue_name}", Reason.QUEUED)
    pods = pods_of(observed, job)
    for pod in pods:
        if pod.phase == "Pending" and (verdict := _of_pod(observed, pod)):
            return verdict
    if not pods and (message := _newest_warning(observed, job.name)):
        return waiting(Reason.POD_NOT_CREATED, f"Job {job.name} gets no pod: {message}")
    return None


def pods_of(observed: Observed, job: Job) -> list[Pod]:
    """The Job's pods, oldest first, without those that are going away."""
    return [pod for pod in observed.pods if pod.job_name == job.name and not pod.deleting]


def has_started(observed: Observed, job: Job) -> bool:
    """Whether a container of the Job has ever run."""
    return any(
        pod.job_name == job.name and (pod.started_at is not None or pod.phase not in ("Pending", ""))
        for pod in observed.pods
    )


def _of_pod(observed: Observed, pod: Pod) -> Verdict | None:
    if pod.unscheduled:
        message = pod.unscheduled[1]
        if "persistentvolumeclaim" in message.lower():
            return waiting(Reason.VOLUME_PENDING, f"Pod {pod.name} waits for its volume: {message}")
        return waiting(Reason.UNSCHEDULABLE, f"Pod {pod.name} fits on no node: {message}")
    if pod.waiting:
        reason, message = pod.waiting
        if reason in _IMAGE:
            return waiting(Reason.IMAGE_PULL_FAILED, f"Pod {pod.name}: {reason}: {message}")
        if reason in _CONFIG:
            return waiting(Reason.POD_NOT_CREATED, f"Pod {pod.name}: {reason}: {message}")
    if message := _newest_warning(observed, pod.name):
        return waiting(Reason.POD_NOT_CREATED, f"Pod {pod.name} does not start: {message}")
    return None


def _newest_warning(observed: Observed, name: str) -> str:
    """What was said last of this object. The scheduler's complaints about a pod that has found its node are over."""
    about = [one for one in observed.warnings if one.name == name and one.reason != "FailedScheduling"]
    return max(about, key=lambda one: one.time).message if about else ""

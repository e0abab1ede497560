"""What keeps a live Job's pod from running: seen from its pods, its claim and Warning events."""

from datetime import datetime, timedelta

from shardwright_operator.api.spec import Spec
from shardwright_operator.decide.verdict import Verdict, waiting, working
from shardwright_operator.decide.world import Job, Observed, Pod, Warning
from shardwright_worker.contract.reasons import Reason

_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
_CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_ATTACHING = frozenset({"FailedAttachVolume", "FailedMapVolume"})
_FRESH = timedelta(minutes=5)  # the kubelet repeats a warning more often while its cause lasts


def find_obstacle(observed: Observed, spec: Spec, job: Job, now: datetime) -> Verdict | None:
    """Why the Job does not run yet, None if it runs or is about to."""
    if job.suspended and spec.job.queue_name:
        return working(f"Job {job.name} waits in the queue {spec.job.queue_name}", Reason.QUEUED)
    pods = pods_of(observed, job)
    if not pods:
        warning = _newest(observed, "Job", job.name)
        return waiting(Reason.POD_NOT_CREATED, f"Job {job.name} gets no pod: {warning.message}") if warning else None
    pending = [pod for pod in pods if pod.phase == "Pending"]
    return next((verdict for pod in pending if (verdict := _of_pod(observed, spec, pod, now))), None)


def pods_of(observed: Observed, job: Job) -> list[Pod]:
    """The Job's pods, oldest first, without those that are going away."""
    return [pod for pod in observed.pods if pod.job_name == job.name and not pod.deleting]


def has_started(observed: Observed, job: Job) -> bool:
    """Whether a container of the Job has ever run."""
    return any(
        pod.job_name == job.name and (pod.started_at is not None or pod.phase not in ("Pending", ""))
        for pod in observed.pods
    )


def _of_pod(observed: Observed, spec: Spec, pod: Pod, now: datetime) -> Verdict | None:
    claim = observed.claims.get(spec.output.persistent_volume_claim.claim_name)
    if claim and claim.phase == "Pending" and (warning := _newest(observed, "PersistentVolumeClaim", claim.name)):
        return waiting(Reason.VOLUME_PENDING, f"The claim {claim.name} gets no volume: {warning.message}")
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
    warning = _newest(observed, "Pod", pod.name, now - _FRESH)
    if warning is None or warning.reason == "FailedScheduling":  # it has been scheduled since
        return None
    if warning.reason in _ATTACHING:
        return waiting(Reason.VOLUME_PENDING, f"Pod {pod.name} waits for its volume: {warning.message}")
    return waiting(Reason.POD_NOT_CREATED, f"Pod {pod.name} does not start: {warning.message}")


def _newest(observed: Observed, kind: str, name: str, since: datetime | None = None) -> Warning | None:
    about = [one for one in observed.warnings if (one.kind, one.name) == (kind, name)]
    return max((one for one in about if since is None or one.time > since), key=lambda one: one.time, default=None)

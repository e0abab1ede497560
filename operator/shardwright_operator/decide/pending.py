"""What keeps a live Job from running: seen from the Job, its pods, its claims and the events about them."""

import re
from datetime import datetime, timedelta

from shardwright_operator.api.names import SUSPENDED
from shardwright_operator.api.spec import Spec
from shardwright_operator.decide.observed import Job, Observed, Pod, Warning
from shardwright_operator.decide.pod_failure import NOT_STARTED, is_worker_missing
from shardwright_operator.decide.sentences import clean, sentences
from shardwright_operator.decide.verdict import Verdict, waiting, working
from shardwright_worker.contract.reasons import MEANINGS, Reason

_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
_CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_ATTACHING = frozenset({"FailedAttachVolume", "FailedMapVolume"})
_UNBOUND = frozenset({"FailedBinding", "ExternalProvisioning"})  # Normal events of a claim that nothing binds
_OF_THE_JOB_CONTROLLER = frozenset({"Suspended", "Resumed", "SuccessfulCreate", "SuccessfulDelete"})
_ABOUT_VOLUMES = re.compile(r"persistentvolumeclaim|\bpvc\b|binding volumes", re.IGNORECASE)
_FRESH = timedelta(minutes=5)  # the kubelet repeats a warning more often while its cause lasts
_PATIENCE = timedelta(minutes=2)  # a queue that is there has said something by then


def find_obstacle(observed: Observed, spec: Spec, job: Job, now: datetime) -> Verdict | None:
    """Why the Job does not run yet or no more, None if it runs or is about to."""
    if is_held(job):
        return _queued(observed, spec, job, now)
    if lost := _unreachable(observed, job):
        return lost
    pods = pods_of(observed, job)
    if not pods:
        warning = _newest(observed, "Job", job.name)
        return (
            waiting(Reason.POD_NOT_CREATED, f"Job {job.name} gets no pod: {clean(warning.message)}")
            if warning
            else None
        )
    pending = [pod for pod in pods if pod.phase == "Pending"]
    return next((verdict for pod in pending if (verdict := _of_pod(observed, spec, pod, now))), None)


def is_held(job: Job) -> bool:
    """Whether somebody else has suspended the Job, as a queue does: who does not hold it must not let it go."""
    return job.suspended and not is_ours(job)


def is_ours(job: Job) -> bool:
    """Whether the operator's own suspension is on the Job."""
    return SUSPENDED in job.labels


def pods_of(observed: Observed, job: Job) -> list[Pod]:
    """The Job's pods, oldest first, without those that are going away."""
    return [pod for pod in observed.pods if pod.job_name == job.name and not pod.deleting]


def has_started(observed: Observed, job: Job) -> bool:
    """Whether a container of the Job has ever run."""
    return any(
        pod.job_name == job.name and (pod.started_at is not None or pod.phase not in ("Pending", ""))
        for pod in observed.pods
    )


def _queued(observed: Observed, spec: Spec, job: Job, now: datetime) -> Verdict:
    queue, namespace = spec.job.queue_name, observed.resource.namespace
    message = f"Job {job.name} waits in the queue {queue}"
    if not queue:
        message = f"Job {job.name} is suspended by something else than Shardwright, such as a queue for all Jobs"
    about = [one for one in observed.warnings if (one.kind, one.name) == ("Job", job.name)]
    told = max(
        (one for one in about if one.reason not in _OF_THE_JOB_CONTROLLER), key=lambda one: one.time, default=None
    )
    words = f"It says: {clean(told.message, 500)}" if told else ""
    hint = f"Nothing has let it go for minutes: read `kubectl describe workloads -n {namespace}`"
    if queue:
        hint = f"Nothing has admitted it for minutes: check that the LocalQueue {queue} exists in namespace {namespace}"
    return working(sentences(message, words, hint if now - job.created_at > _PATIENCE else ""), Reason.QUEUED)


def _unreachable(observed: Observed, job: Job) -> Verdict | None:
    """The Job's newest pod is on a node that has stopped reporting: its containers only seem to run."""
    pods = [pod for pod in observed.pods if pod.job_name == job.name]
    pod = max(pods, key=lambda pod: (pod.created_at, pod.name), default=None)
    if pod is None or pod.unreachable_since is None or pod.exit_code is not None:
        return None
    message = (
        f"Node {pod.node or 'of the pod'} of pod {pod.name} has not reported since {pod.unreachable_since:%H:%M:%S} UTC"
    )
    given_up = f"Pod {pod.name} is given up, and replaced once the node is back or removed" if pod.deleting else ""
    return waiting(Reason.NODE_UNREACHABLE, sentences(message, given_up, MEANINGS[Reason.NODE_UNREACHABLE].advice))


def _of_pod(observed: Observed, spec: Spec, pod: Pod, now: datetime) -> Verdict | None:
    if pod.waiting and (verdict := _of_container(pod, *pod.waiting)):
        return verdict
    unbound = pod.unscheduled is not None and _ABOUT_VOLUMES.search(pod.unscheduled[1]) is not None
    for name in dict.fromkeys(_claims_of(spec)):
        claim = observed.claims.get(name)
        if claim and claim.phase == "Pending" and (warning := _newest_of_claim(observed, name, unbound)):
            return waiting(Reason.VOLUME_PENDING, f"The claim {name} gets no volume: {clean(warning.message)}")
    if pod.unscheduled:
        message = clean(pod.unscheduled[1])
        if unbound:
            return waiting(Reason.VOLUME_PENDING, f"Pod {pod.name} waits for its volume: {message}")
        return waiting(Reason.UNSCHEDULABLE, f"Pod {pod.name} fits on no node: {message}")
    warning = _newest(observed, "Pod", pod.name, now - _FRESH)
    if warning is None or warning.reason == "FailedScheduling":  # it has been scheduled since
        return None
    if warning.reason in _ATTACHING:
        return waiting(Reason.VOLUME_PENDING, f"Pod {pod.name} waits for its volume: {clean(warning.message)}")
    return waiting(Reason.POD_NOT_CREATED, f"Pod {pod.name} does not start: {clean(warning.message)}")


def _of_container(pod: Pod, reason: str, message: str) -> Verdict | None:
    told = f"Pod {pod.name}: " + ": ".join(part for part in (reason, clean(message)) if part)
    if reason in NOT_STARTED and is_worker_missing(reason, None, message):
        return waiting(Reason.WORKER_NOT_IN_IMAGE, f"The image cannot run shardwright-worker. {told}")
    if reason in _IMAGE:
        return waiting(Reason.IMAGE_PULL_FAILED, told)
    return waiting(Reason.POD_NOT_CREATED, told) if reason in _CONFIG else None


def _claims_of(spec: Spec) -> list[str]:
    source = spec.source.persistent_volume_claim
    return [spec.output.persistent_volume_claim.claim_name, *([source.claim_name] if source else [])]


def _newest_of_claim(observed: Observed, name: str, unbound: bool) -> Warning | None:
    """The newest event that tells why; that nothing has bound it yet matters only where the scheduler says so too."""
    about = [one for one in observed.warnings if (one.kind, one.name) == ("PersistentVolumeClaim", name)]
    telling = [one for one in about if not one.normal or (unbound and one.reason in _UNBOUND)]
    return max(telling, key=lambda one: one.time, default=None)


def _newest(observed: Observed, kind: str, name: str, since: datetime | None = None) -> Warning | None:
    about = [one for one in observed.warnings if (one.kind, one.name) == (kind, name) and not one.normal]
    return max((one for one in about if since is None or one.time > since), key=lambda one: one.time, default=None)

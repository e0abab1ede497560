"""Why a live Job is not running: by the Job, its pods, its claims and the events about them."""

import re
from datetime import datetime, timedelta

from shardwright_operator.api.names import SUSPENDED_LABEL
from shardwright_operator.api.spec import Spec
from shardwright_operator.decide.observed import Job, Observed, ObservedEvent, Pod
from shardwright_operator.decide.pod_failure import NOT_STARTED, is_worker_missing
from shardwright_operator.decide.sentences import clean, sentences
from shardwright_operator.decide.verdict import Verdict, retrying, stalled, working
from shardwright_worker.contract.reasons import MEANINGS, Reason

_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
_CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_ATTACHING = frozenset({"FailedAttachVolume", "FailedMapVolume"})
_UNBOUND = frozenset({"FailedBinding", "ExternalProvisioning"})  # Normal events of a claim that nothing binds
# Normal events of the Job controller itself; any other event on a suspended Job is the queue's.
_OF_THE_JOB_CONTROLLER = frozenset({"Suspended", "Resumed", "SuccessfulCreate", "SuccessfulDelete"})
_ABOUT_VOLUMES = re.compile(r"persistentvolumeclaim|\bpvc\b|binding volumes", re.IGNORECASE)
_FRESH = timedelta(minutes=5)  # the kubelet repeats a warning more often while its cause lasts
_QUEUE_RESPONSE = timedelta(minutes=2)  # a queue that exists has reported something by then


def pending_reason(observed: Observed, spec: Spec, job: Job, now: datetime) -> Verdict | None:
    """Return why the Job is not running, None if it runs or is about to."""
    if is_suspended_by_another(job):
        return _queued(observed, spec, job, now)
    if lost := _unreachable(observed, job):
        return lost
    pods = present_pods(observed, job)
    if not pods:
        warning = _newest(observed, "Job", job.name)
        message = f"No pod is created for Job {job.name}: {clean(warning.message)}" if warning else ""
        return retrying(Reason.POD_NOT_CREATED, message) if message else None
    pending = [pod for pod in pods if pod.phase == "Pending"]
    return next((verdict for pod in pending if (verdict := _of_pod(observed, spec, pod, now))), None)


def is_suspended_by_another(job: Job) -> bool:
    """Return whether another controller, such as a queue, has suspended the Job; only that one may resume it."""
    return job.suspended and not is_ours(job)


def is_ours(job: Job) -> bool:
    """Return whether the operator itself has suspended the Job."""
    return SUSPENDED_LABEL in job.labels


def present_pods(observed: Observed, job: Job) -> list[Pod]:
    """Return the Job's pods, oldest first, without those that are being deleted."""
    return [pod for pod in observed.pods_of(job.name) if not pod.deleting]


def _queued(observed: Observed, spec: Spec, job: Job, now: datetime) -> Verdict:
    queue, namespace = spec.job.queue_name, observed.resource.namespace
    message = f"Job {job.name} waits in the queue {queue}"
    hint = f"It has not been admitted for minutes: check that the LocalQueue {queue} exists in namespace {namespace}"
    if not queue:
        message = f"Job {job.name} is suspended by another controller, such as a queue for all Jobs"
        hint = f"It has not been resumed for minutes: read `kubectl describe workloads -n {namespace}`"
    about = [one for one in observed.warnings if (one.kind, one.name) == ("Job", job.name)]
    of_queue = [one for one in about if one.reason not in _OF_THE_JOB_CONTROLLER]
    newest = max(of_queue, key=lambda one: one.time, default=None)
    event = f"Its last event: {clean(newest.message, 500)}" if newest else ""
    return working(sentences(message, event, hint if now - job.created_at > _QUEUE_RESPONSE else ""), Reason.QUEUED)


def _unreachable(observed: Observed, job: Job) -> Verdict | None:
    """The Job's newest pod is on a node that has stopped reporting: the state of its containers is out of date.

    https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller
    """
    pod = observed.newest_pod(job.name)
    if pod is None or pod.unreachable_since is None or pod.exit_code is not None:
        return None
    message = (
        f"Node {pod.node or 'of the pod'} of pod {pod.name} has not reported since {pod.unreachable_since:%H:%M:%S} UTC"
    )
    deleted = f"Pod {pod.name} is being deleted, and replaced once the node is back or removed" if pod.deleting else ""
    return retrying(Reason.NODE_UNREACHABLE, sentences(message, deleted, MEANINGS[Reason.NODE_UNREACHABLE].advice))


def _of_pod(observed: Observed, spec: Spec, pod: Pod, now: datetime) -> Verdict | None:
    if pod.waiting and (verdict := _of_container(pod, *pod.waiting)):
        return verdict
    unbound = pod.unscheduled is not None and _ABOUT_VOLUMES.search(pod.unscheduled[1]) is not None
    for name in dict.fromkeys(_claims_of(spec)):
        claim = observed.claims.get(name)
        if claim and claim.phase == "Pending" and (warning := _newest_of_claim(observed, name, unbound)):
            return retrying(Reason.VOLUME_PENDING, f"The claim {name} is not bound: {clean(warning.message)}")
    if pod.unscheduled:
        message = clean(pod.unscheduled[1])
        if unbound:
            return retrying(Reason.VOLUME_PENDING, f"Pod {pod.name} waits for its volume: {message}")
        return retrying(Reason.UNSCHEDULABLE, f"No node can run pod {pod.name}: {message}")
    warning = _newest(observed, "Pod", pod.name, now - _FRESH)
    if warning is None or warning.reason == "FailedScheduling":  # it has been scheduled since
        return None
    if warning.reason in _ATTACHING:
        return retrying(Reason.VOLUME_PENDING, f"Pod {pod.name} waits for its volume: {clean(warning.message)}")
    return retrying(Reason.POD_NOT_CREATED, f"Pod {pod.name} does not start: {clean(warning.message)}")


def _of_container(pod: Pod, reason: str, message: str) -> Verdict | None:
    state = f"Pod {pod.name}: " + ": ".join(part for part in (reason, clean(message)) if part)
    if reason in NOT_STARTED and is_worker_missing(reason, None, message):
        return stalled(Reason.WORKER_NOT_IN_IMAGE, f"The image cannot run shardwright-worker. {state}")
    if reason in _IMAGE:
        return retrying(Reason.IMAGE_PULL_FAILED, state)
    return retrying(Reason.POD_NOT_CREATED, state) if reason in _CONFIG else None


def _claims_of(spec: Spec) -> list[str]:
    source = spec.source.persistent_volume_claim
    return [spec.output.persistent_volume_claim.claim_name, *([source.claim_name] if source else [])]


def _newest_of_claim(observed: Observed, name: str, unbound: bool) -> ObservedEvent | None:
    """Return the newest event that says why; that it is not bound yet matters only where the scheduler says so, too."""
    about = [one for one in observed.warnings if (one.kind, one.name) == ("PersistentVolumeClaim", name)]
    reasons = [one for one in about if not one.normal or (unbound and one.reason in _UNBOUND)]
    return max(reasons, key=lambda one: one.time, default=None)


def _newest(observed: Observed, kind: str, name: str, since: datetime | None = None) -> ObservedEvent | None:
    about = [one for one in observed.warnings if (one.kind, one.name) == (kind, name) and not one.normal]
    return max((one for one in about if since is None or one.time > since), key=lambda one: one.time, default=None)

"""Attempts: numbers that only grow, names that follow from them, and the Jobs that belong to them."""

import re

from shardwright_operator.api.names import ATTEMPT, INPUTS, STAGE
from shardwright_operator.api.status import JobStatus, Status
from shardwright_operator.decide.input_hashes import short_hash
from shardwright_operator.decide.next_stage import NextStage
from shardwright_operator.decide.observed import Claim, Job, Observed, Pod, Resource
from shardwright_operator.decide.sentences import clean, sentences

# A Job's name is a label of its pods: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
NAME_LIMIT = 63
_UNREAL = 10**9  # attempts that no resource ever had


def job_name(resource: Resource, stage: NextStage, attempt: int) -> str:
    """Return `<resource>-<stage>-<hash8>-<attempt>`; of a long name only the resource's part is cut."""
    tail = f"-{stage.stage.lower()}-{short_hash(resource.uid, stage.inputs)}-{attempt}"
    head = resource.name[: NAME_LIMIT - len(tail)].replace(".", "-").rstrip("-")
    return f"{head}{tail}"


def highest(observed: Observed, status: Status) -> int:
    """Return the highest attempt number so far, as far as status and Jobs show."""
    numbers = [_number(job) for job in observed.jobs if job.owned]
    # A larger number is not the operator's own, and no name has space for it.
    return max([status.attempt if 0 <= status.attempt < _UNREAL else 0, *numbers])


def next_attempt(observed: Observed, status: Status, stage: NextStage, claim: Claim) -> JobStatus:
    """Return the attempt that follows. It is written to status before its Job is created."""
    number = highest(observed, status) + 1
    name = job_name(observed.resource, stage, number)
    return JobStatus(
        name=name,
        stage=stage.stage,
        attempt=number,
        inputs=stage.inputs,
        claim_uid=claim.uid,
        accelerators=_accelerators(observed, stage),
    )


def adopt(observed: Observed, status: Status, stage: NextStage, claim: Claim) -> JobStatus | None:
    """Return the attempt that exists for this stage: the one in status, or that of a live Job that status lacks.

    A Job with a lower number than the last attempt has ended, or is being deleted, whatever a stale cache shows.
    """
    known = status.job
    if known and (known.stage, known.inputs, known.claim_uid) == (stage.stage, stage.inputs, claim.uid):
        return known
    for job in observed.live_jobs():
        if _serves(job, stage) and not job.deleting and _number(job) >= status.attempt:
            attempt = _attempt_of(job, stage, claim)
            return attempt.model_copy(update={"accelerators": _accelerators(observed, stage)})
    return None


def _attempt_of(job: Job, stage: NextStage, claim: Claim) -> JobStatus:
    return JobStatus(
        name=job.name,
        stage=stage.stage,
        attempt=_number(job),
        inputs=stage.inputs,
        claim_uid=claim.uid,
        started_at=job.created_at,
    )


def _accelerators(observed: Observed, stage: NextStage) -> int:
    """Return how many accelerators a pod of this stage requests."""
    spec = observed.resource.spec
    return spec.engine.settings().world_size if spec and stage.stage == "Shard" else 0


def _serves(job: Job, stage: NextStage) -> bool:
    return (job.labels.get(STAGE), job.labels.get(INPUTS)) == (stage.stage.lower(), stage.inputs)


def _number(job: Job) -> int:
    label = job.labels.get(ATTEMPT, "")
    return int(label) if re.fullmatch(r"[0-9]{1,9}", label) else 0


def with_job(attempt: JobStatus, job: Job) -> JobStatus:
    """Return the attempt with the time of its Job: from now on the Job's absence means that it was deleted."""
    return attempt if attempt.started_at else attempt.model_copy(update={"started_at": job.created_at})


def with_pods(observed: Observed, attempt: JobStatus) -> JobStatus:
    """Return the attempt with its running pod, and with the number of pods that were lost and replaced in its Job.

    Level-triggered: it counts the pods that are younger than the one on record, which is the last that was known.
    """
    pods = sorted(observed.pods_of(attempt.name), key=lambda pod: (pod.created_at, pod.name))
    known = next((pod for pod in pods if pod.name == attempt.pod), None)
    if not attempt.pod:
        known = next((pod for pod in pods if pod.started_at is not None), None)
        if known is None:
            return attempt
        attempt = attempt.model_copy(update={"pod": known.name, "pod_since": known.created_at})
    younger = [pod for pod in pods if attempt.pod_since and pod.created_at > attempt.pod_since]
    if not younger:
        return attempt
    lost, newest = [known, *younger[:-1]], younger[-1]
    return attempt.model_copy(
        update={
            "pod": newest.name,
            "pod_since": newest.created_at,
            "disruptions": attempt.disruptions + len(younger),
            "last_disruption": _loss(lost[-1], attempt.pod, newest),
        }
    )


def _loss(pod: Pod | None, name: str, newest: Pod) -> str:
    """Return which pod was lost, why as far as that is known, and which pod has replaced it."""
    why = ": ".join(part for part in (pod.disruption or pod.status_reason, pod.status_message) if part) if pod else ""
    node = f" on node {pod.node}" if pod and pod.node else ""
    lost = f"Pod {pod.name if pod else name}{node} was lost: {clean(why or 'it was deleted', 500)}"
    return sentences(lost, f"Pod {newest.name} has replaced it")

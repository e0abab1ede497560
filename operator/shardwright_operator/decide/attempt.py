"""Attempts: numbers that only grow, names that follow from them, and the Jobs that carry them."""

import re

from shardwright_operator.api.names import ATTEMPT, INPUTS, STAGE
from shardwright_operator.api.status import JobStatus, Status
from shardwright_operator.decide.fingerprint import short_hash
from shardwright_operator.decide.next_stage import Need
from shardwright_operator.decide.observed import Claim, Job, Observed, Pod, Resource
from shardwright_operator.decide.sentences import clean, sentences

NAME_LIMIT = 63
_UNREAL = 10**9  # attempts that no resource ever had


def job_name(resource: Resource, need: Need, attempt: int) -> str:
    """`<resource>-<stage>-<hash8>-<attempt>`, at most 63 characters: the resource's name is cut, never the rest."""
    tail = f"-{need.stage.lower()}-{short_hash(resource.uid, need.inputs)}-{attempt}"
    head = resource.name[: NAME_LIMIT - len(tail)].replace(".", "-").rstrip("-")
    return f"{head}{tail}"


def highest(observed: Observed) -> int:
    """The highest attempt number that was ever given out, as far as status and Jobs tell."""
    numbers = [_number(job) for job in observed.jobs if job.owned]
    known = observed.resource.status.attempt
    # A larger number was not given out by us, and a name with it would not fit.
    return max([known if 0 <= known < _UNREAL else 0, *numbers])


def next_attempt(observed: Observed, need: Need, claim: Claim) -> JobStatus:
    """The attempt that comes next. It is written to status before its Job is created."""
    number = highest(observed) + 1
    name = job_name(observed.resource, need, number)
    return JobStatus(name=name, stage=need.stage, attempt=number, inputs=need.inputs, claim_uid=claim.uid)


def adopt(observed: Observed, status: Status, need: Need, claim: Claim) -> JobStatus | None:
    """The attempt that runs for this need already: the one in status, or a live Job that status does not know of."""
    known = status.job
    if known and (known.stage, known.inputs, known.claim_uid) == (need.stage, need.inputs, claim.uid):
        return known
    for job in live_jobs(observed):
        if serves(job, need) and not job.deleting:
            return attempt_of(job, need, claim)
    return None


def attempt_of(job: Job, need: Need, claim: Claim) -> JobStatus:
    """The attempt that a Job carries."""
    return JobStatus(
        name=job.name,
        stage=need.stage,
        attempt=_number(job),
        inputs=need.inputs,
        claim_uid=claim.uid,
        started_at=job.created_at,
    )


def serves(job: Job, need: Need) -> bool:
    """Whether the Job was made for this need."""
    return (job.labels.get(STAGE), job.labels.get(INPUTS)) == (need.stage.lower(), need.inputs)


def live_jobs(observed: Observed) -> list[Job]:
    """Our Jobs that have not ended; one that is being deleted lives until it is gone."""
    return [job for job in observed.jobs if job.owned and not job.finished]


def find(observed: Observed, name: str) -> Job | None:
    """The Job of this name, ours or not."""
    return next((job for job in observed.jobs if job.name == name), None)


def with_pods(observed: Observed, attempt: JobStatus) -> JobStatus:
    """The attempt with what its pods tell: the one that runs, and those that were lost and replaced within the Job.

    Level-triggered: it counts the pods that are younger than the one on record, which is the last that was known.
    """
    pods = sorted(
        (pod for pod in observed.pods if pod.job_name == attempt.name), key=lambda pod: (pod.created_at, pod.name)
    )
    known = next((pod for pod in pods if pod.name == attempt.pod), None)
    if not attempt.pod:
        started = [pod for pod in pods if pod.started_at is not None]
        if not started:
            return attempt
        attempt, known = (
            attempt.model_copy(update={"pod": started[0].name, "pod_since": started[0].created_at}),
            started[0],
        )
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
    """Which pod was lost, why as far as it is known, and what has taken its place."""
    why = ": ".join(part for part in (pod.disruption or pod.status_reason, pod.status_message) if part) if pod else ""
    node = f" on node {pod.node}" if pod and pod.node else ""
    lost = f"Pod {pod.name if pod else name}{node} was lost: {clean(why or 'it was deleted', 500)}"
    return sentences(lost, f"Pod {newest.name} has taken its place")


def _number(job: Job) -> int:
    label = job.labels.get(ATTEMPT, "")
    return int(label) if re.fullmatch(r"[0-9]{1,9}", label) else 0


def seen(attempt: JobStatus, job: Job) -> JobStatus:
    """The attempt with the time of its Job: from now on its absence means that it was deleted."""
    return attempt if attempt.started_at else attempt.model_copy(update={"started_at": job.created_at})

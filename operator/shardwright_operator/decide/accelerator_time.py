"""Adds up how long shard pods have held accelerators. Each moment of a resource is counted once at most."""

from datetime import datetime

from shardwright_operator.api.attempt_status import AcceleratorTime
from shardwright_operator.api.status import JobStatus, Status
from shardwright_operator.decide.observed import Observed, Pod


def count_accelerators(observed: Observed, after: Status, now: datetime) -> Status:
    """Return `after` with the time of the pods that have ended, of the attempt that was on record.

    An attempt's last pod is counted by the decision that takes the attempt off the record, for whatever reason; an
    earlier one when it has been replaced or is being deleted. A pod that is gone by then is not counted.
    """
    attempt = observed.resource.status.job
    if attempt is None or not attempt.accelerators:
        return after
    known = after.accelerator_time or AcceleratorTime()
    seconds, until = 0.0, known.counted_until
    for pod, limit in _pods_with_limits(observed, attempt):
        if pod.started_at is None or not _has_ended(pod, attempt, after.job, limit):
            continue
        since = max(time for time in (pod.started_at, pod.created_at, until) if time)
        end = min(pod.finished_at or limit or now, now)
        if end > since:
            seconds, until = seconds + (end - since).total_seconds(), end
    if not seconds:
        return after
    held = round(known.held_seconds + seconds * attempt.accelerators, 1)
    return after.model_copy(update={"accelerator_time": AcceleratorTime(held_seconds=held, counted_until=until)})


def _pods_with_limits(observed: Observed, attempt: JobStatus) -> list[tuple[Pod, datetime | None]]:
    """Return the attempt's pods, oldest first, each with when it had ended at the latest; None while that is open.

    A pod's successor is created when it has ended (podReplacementPolicy: Failed):
    https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-replacement-policy
    """
    pods = sorted(observed.pods_of(attempt.name), key=lambda pod: (pod.created_at, pod.name))
    job = observed.job(attempt.name)
    limits = [*(pod.created_at for pod in pods[1:]), job.finished_at if job else None]
    return list(zip(pods, limits, strict=False))  # without pods there is one limit too many


def _has_ended(pod: Pod, attempt: JobStatus, following: JobStatus | None, limit: datetime | None) -> bool:
    if following is None or following.name != attempt.name:
        return True
    replaced = limit is not None and pod.name != following.pod
    return replaced or (pod.deleting and pod.finished_at is not None)

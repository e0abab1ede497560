"""From a worker's progress line to the status, with an estimate of when the stage ends."""

from datetime import datetime, timedelta

from shardwright_operator.api.status import ProgressStatus, Status
from shardwright_operator.decide.observed import Job, Observed
from shardwright_operator.decide.pending import present_pods

_MOST = 2**53  # more bytes than any volume has, and as many as every reader of JSON can count
_FARTHEST = timedelta(days=3)  # at so low a rate the estimate says nothing


def progress_of(observed: Observed, status: Status, job: Job, now: datetime) -> ProgressStatus | None:
    """Return the newest progress of the Job's pod; that of the status without a new line; None while nothing runs."""
    if _is_idle(observed, job):
        return None
    lines = [observed.progress[pod.name] for pod in present_pods(observed, job) if pod.name in observed.progress]
    old = status.progress
    if not lines:
        return old
    line = lines[-1]
    same_stage = old is not None and old.stage == line.stage
    started_at = old.started_at if old and same_stage else now.replace(microsecond=0)
    shown = ProgressStatus(
        stage=line.stage,
        ranks_done=_count(line.ranks_done),
        ranks=_count(line.ranks),
        bytes_done=_count(line.bytes_done),
        bytes_total=_count(line.bytes_total),
        started_at=started_at,
    )
    if old and old.model_copy(update={"estimated_completion": None}) == shown:
        return old
    return shown.model_copy(update={"estimated_completion": _estimate(shown, now)})


def _is_idle(observed: Observed, job: Job) -> bool:
    """Whether the Job is suspended or waits for a pod, even if the progress of an earlier pod is known."""
    pod = observed.newest_pod(job.name)
    return job.suspended or pod is None or pod.phase in ("Pending", "")


def _count(number: int | None) -> int | None:
    """Return a number that can be shown; a worker's own numbers have no bounds."""
    return number if isinstance(number, int) and 0 <= number <= _MOST else None


def _estimate(progress: ProgressStatus, now: datetime) -> datetime | None:
    """Return when all bytes are done at the rate since the stage was first seen, to the second; None if in days."""
    done, total, since = progress.bytes_done, progress.bytes_total, progress.started_at
    if not done or not total or done >= total or since is None or now <= since:
        return None
    left = (total - done) / done * (now - since).total_seconds()
    return (now + timedelta(seconds=left)).replace(microsecond=0) if left <= _FARTHEST.total_seconds() else None


def time_in_queue(observed: Observed, job: Job) -> float | None:
    """Return the seconds from the Job's creation to the start of its first container that is known."""
    starts = [pod.started_at for pod in observed.pods_of(job.name) if pod.started_at]
    return max(timedelta(), min(starts) - job.created_at).total_seconds() if starts else None

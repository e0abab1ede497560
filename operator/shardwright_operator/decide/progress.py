"""From a worker's progress line to the status, with an estimate of when the stage ends."""

from datetime import datetime, timedelta

from shardwright_operator.api.status import ProgressStatus, Status
from shardwright_operator.decide.obstacle import pods_of
from shardwright_operator.decide.world import Job, Observed


def progress_of(observed: Observed, status: Status, job: Job, now: datetime) -> ProgressStatus | None:
    """The newest progress of the Job's pod; what status says already if no line came since."""
    lines = [observed.progress[pod.name] for pod in pods_of(observed, job) if pod.name in observed.progress]
    old = status.progress
    if not lines:
        return old
    line = lines[-1]
    same_stage = old is not None and old.stage == line.stage
    started_at = old.started_at if old and same_stage else now.replace(microsecond=0)
    shown = ProgressStatus(
        stage=line.stage,
        ranks_done=line.ranks_done,
        ranks=line.ranks,
        bytes_done=line.bytes_done,
        bytes_total=line.bytes_total,
        started_at=started_at,
    )
    if old and old.model_copy(update={"estimated_completion": None}) == shown:
        return old
    return shown.model_copy(update={"estimated_completion": _estimate(shown, now)})


def _estimate(progress: ProgressStatus, now: datetime) -> datetime | None:
    """When the bytes are through at the pace since the stage was first seen, to the second."""
    done, total, since = progress.bytes_done, progress.bytes_total, progress.started_at
    if not done or not total or done >= total or since is None or now <= since:
        return None
    return (now + (total - done) / done * (now - since)).replace(microsecond=0)


def time_in_queue(observed: Observed, job: Job) -> float | None:
    """Seconds from the Job's creation to the start of its first container that is known."""
    starts = [pod.started_at for pod in observed.pods if pod.job_name == job.name and pod.started_at]
    return max(timedelta(), min(starts) - job.created_at).total_seconds() if starts else None

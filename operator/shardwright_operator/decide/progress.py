"""From a worker's progress line to the status, with an estimate of when the stage ends."""

from datetime import datetime, timedelta

from shardwright_operator.api.status import ProgressStatus, Status
from shardwright_operator.decide.obstacle import pods_of
from shardwright_operator.decide.world import Job, Observed


def progress_of(observed: Observed, status: Status, job: Job, now: datetime) -> ProgressStatus | None:
    """The newest progress of the Job's pod; what status says already if no line came since."""
    lines = [observed.progress[pod.name] for pod in pods_of(observed, job) if pod.name in observed.progress]
    if not lines:
        return status.progress
    line, old = lines[-1], status.progress
    shown = ProgressStatus(
        stage=line.stage,
        ranks_done=line.ranks_done,
        ranks=line.ranks,
        bytes_done=line.bytes_done,
        bytes_total=line.bytes_total,
    )
    if old and old.model_copy(update={"estimated_completion": None}) == shown:
        return old
    estimate = _estimate(line.bytes_done, line.bytes_total, line.seconds, now)
    return shown.model_copy(update={"estimated_completion": estimate})


def _estimate(done: int | None, total: int | None, seconds: float, now: datetime) -> datetime | None:
    """When the bytes are through at the pace since the worker started, to the second."""
    if not done or not total or done >= total or seconds <= 0:
        return None
    return (now + timedelta(seconds=(total - done) * seconds / done)).replace(microsecond=0)

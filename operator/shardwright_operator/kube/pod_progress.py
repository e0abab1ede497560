"""Reads the progress of running pods from the ends of their logs."""

from collections.abc import Sequence

from shardwright_operator.decide.observed import Pod
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import ApiError
from shardwright_operator.kube.notes import Notes
from shardwright_operator.kube.wall_clock import age_seconds
from shardwright_worker.contract.progress_line import Progress, read_progress

FIRST_READ = 10.0  # seconds after a pod has started: before, it has no progress that is worth a call
_TAIL_LINES = 20


async def read_pod_progress(
    client: Client, namespace: str, notes: Notes, pods: Sequence[Pod], now: float, interval: float
) -> float | None:
    """Update `notes.progress` of running pods, and return the seconds until the next read, None if none is running.

    `now` is in monotonic seconds, `interval` the seconds between two reads.
    """
    running = [pod for pod in pods if pod.phase == "Running" and pod.exit_code is None and not pod.deleting]
    notes.progress = {pod.name: notes.progress[pod.name] for pod in running if pod.name in notes.progress}
    if not running:
        return None
    young = min(age_seconds(pod.started_at or pod.created_at) for pod in running) < FIRST_READ
    due = notes.progress_read_at + interval
    if young or now < due:
        return FIRST_READ if young else due - now
    notes.progress_read_at = now
    for pod in running:
        try:
            log = await client.log_tail(namespace, pod.name, _TAIL_LINES)
        except ApiError:
            continue  # a log comes from the kubelet, which may not answer; the end of the pod is observed all the same
        if progress := last_progress(log):
            notes.progress[pod.name] = progress
    return interval


def last_progress(log: str) -> Progress | None:
    """Return the last progress line in a piece of a log, None if there is none."""
    for line in reversed(log.splitlines()):
        if progress := read_progress(line):
            return progress
    return None

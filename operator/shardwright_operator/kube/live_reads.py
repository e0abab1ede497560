"""Reads that only working resources need: warnings about what waits, and progress of what runs."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from shardwright_operator.decide.observed import Claim, Job, Pod, Warning
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.convert import warning
from shardwright_operator.kube.errors import ApiError
from shardwright_operator.kube.kinds import EVENTS
from shardwright_operator.kube.malformed import MalformedObjectError
from shardwright_operator.kube.notes import Notes
from shardwright_worker.contract.progress_line import Progress, read_progress

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds: what starts sooner needs no explanation, and a young pod has no progress worth a call
_FIRST_PAUSE, _LONGEST_PAUSE, _LONGEST_IN_A_QUEUE = 10.0, 60.0, 300.0
_TAIL = 20


async def read_warnings(
    client: Client,
    namespace: str,
    notes: Notes,
    waiting: Sequence[Job | Pod | Claim],
    now: float,
    skip: Callable[[MalformedObjectError], None] = log.error,
) -> float | None:
    """Refresh the Warnings about objects that wait too long; gives seconds until the next look, None if none waits.

    `skip` hears of each Warning that cannot be read.
    """
    if not waiting:
        notes.waiting_since, notes.warnings, notes.warnings_pause = None, (), 0.0
        return None
    if notes.waiting_since is None:
        ages = [_age(one.created_at) for one in waiting if one.created_at]
        notes.waiting_since = now - max(ages, default=0.0)  # an operator that just started asks
    # A queue may hold a Job for days.
    longest = _LONGEST_IN_A_QUEUE if all(_is_held(one) for one in waiting) else _LONGEST_PAUSE
    pause = min(longest, notes.warnings_pause)
    due = max(notes.waiting_since + PATIENCE, notes.warnings_read + pause)
    if now < due:
        return due - now
    notes.warnings_read = now
    notes.warnings_pause = min(longest, max(_FIRST_PAUSE, pause * 2))
    found: list[Warning] = []
    for one in waiting:
        fields = f"regarding.uid={one.uid}" + ("" if _waits_for_others(one) else ",type=Warning")
        try:
            raws = await client.list(EVENTS, namespace, fields=fields)
        except ApiError:
            continue  # an explanation is welcome, not needed
        for raw in raws:
            try:
                found.append(warning(raw))
            except MalformedObjectError as error:
                skip(error)
    notes.warnings = tuple(sorted(found, key=lambda one: one.time))
    return notes.warnings_pause


def _waits_for_others(one: Job | Pod | Claim) -> bool:
    """Whether a queue or a provisioner decides when it goes on; they tell that in Normal events."""
    return isinstance(one, Claim) or _is_held(one)


def _is_held(one: Job | Pod | Claim) -> bool:
    return isinstance(one, Job) and one.suspended


async def read_progress_lines(
    client: Client, namespace: str, notes: Notes, pods: Sequence[Pod], now: float, interval: float
) -> float | None:
    """Refresh the last progress line of running pods; gives seconds until the next look, None if nothing runs."""
    running = [pod for pod in pods if pod.phase == "Running" and pod.exit_code is None and not pod.deleting]
    notes.progress = {pod.name: notes.progress[pod.name] for pod in running if pod.name in notes.progress}
    if not running:
        return None
    young = min(_age(pod.started_at or pod.created_at) for pod in running) < PATIENCE
    due = notes.progress_read + interval
    if young or now < due:
        return PATIENCE if young else due - now
    notes.progress_read = now
    for pod in running:
        try:
            text = await client.log_tail(namespace, pod.name, _TAIL)
        except ApiError:
            continue  # the node may not answer; the pod's end will be seen all the same
        if line := last_progress(text):
            notes.progress[pod.name] = line
    return interval


def last_progress(text: str) -> Progress | None:
    """The last progress line in a piece of a log."""
    for line in reversed(text.splitlines()):
        if progress := read_progress(line):
            return progress
    return None


def _age(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds()

"""Finds what a resource waits for, and reads the Events that explain it: the objects themselves do not."""

import logging
from collections.abc import Callable, Mapping, Sequence

from shardwright_operator.decide.observed import Claim, Job, ObservedEvent, Pod
from shardwright_operator.decide.pending import is_ours
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.convert.event import convert_event
from shardwright_operator.kube.convert.malformed import MalformedObjectError
from shardwright_operator.kube.errors import ApiError
from shardwright_operator.kube.kinds import EVENTS
from shardwright_operator.kube.notes import Notes
from shardwright_operator.kube.wall_clock import age_seconds

log = logging.getLogger(__name__)

# Seconds.
FIRST_READ = 10.0  # after something began to wait: what starts sooner needs no explanation
_FIRST_PAUSE, _LONGEST_PAUSE, _LONGEST_QUEUE_PAUSE = 10.0, 60.0, 300.0

Waiting = Job | Pod | Claim
# Reasons of a waiting container that only say that it has not started.
_STARTING = ("ContainerCreating", "PodInitializing")


def find_waiting(jobs: Sequence[Job], pods: Sequence[Pod], claims: Mapping[str, Claim | None]) -> list[Waiting]:
    """Return the Jobs without a pod, the pods that do not start without saying why, and the unbound claims."""
    return [*_jobs_and_pods(jobs, pods), *_unbound_claims(jobs, pods, claims)]


async def read_warnings(
    client: Client,
    namespace: str,
    notes: Notes,
    waiting: Sequence[Waiting],
    now: float,
    skip: Callable[[MalformedObjectError], None] = log.error,
) -> float | None:
    """Update `notes.warnings`, and return the seconds until the next read, None if nothing waits.

    `now` is in monotonic seconds. `skip` is called for each malformed Event.
    """
    if not waiting:
        notes.waiting_since, notes.warnings, notes.warnings_pause = None, (), 0.0
        return None
    if notes.waiting_since is None:
        # By the age of the objects, so that an operator that has just started reads at once.
        ages = [age_seconds(one.created_at) for one in waiting if one.created_at]
        notes.waiting_since = now - max(ages, default=0.0)
    # A queue may hold a Job for days.
    longest = _LONGEST_QUEUE_PAUSE if all(_is_held(one) for one in waiting) else _LONGEST_PAUSE
    due = max(notes.waiting_since + FIRST_READ, notes.warnings_read_at + min(longest, notes.warnings_pause))
    if now < due:
        return due - now
    notes.warnings_read_at = now
    notes.warnings_pause = min(longest, max(_FIRST_PAUSE, notes.warnings_pause * 2))
    found = [warning for one in waiting for warning in await _read_events(client, namespace, one, skip)]
    notes.warnings = tuple(sorted(found, key=lambda one: one.time))
    return notes.warnings_pause


async def _read_events(
    client: Client, namespace: str, about: Waiting, skip: Callable[[MalformedObjectError], None]
) -> list[ObservedEvent]:
    # A queue and a provisioner say in Normal events what they wait for.
    every_type = isinstance(about, Claim) or _is_held(about)
    fields = f"regarding.uid={about.uid}" + ("" if every_type else ",type=Warning")
    try:
        raws = await client.list(EVENTS, namespace, fields=fields)
    except ApiError:
        return []  # an explanation is welcome, not needed
    found = []
    for raw in raws:
        try:
            found.append(convert_event(raw))
        except MalformedObjectError as error:
            skip(error)
    return found


def _jobs_and_pods(jobs: Sequence[Job], pods: Sequence[Pod]) -> list[Waiting]:
    # A Job that the operator itself has suspended waits for the operator; one that a queue suspended is included.
    live = {job.name: job for job in jobs if job.owned and not (job.finished or is_ours(job) or job.deleting)}
    with_pod = {pod.job_name for pod in pods if not pod.deleting}
    silent = [
        pod
        for pod in pods
        if pod.job_name in live
        and pod.phase == "Pending"
        and not pod.unscheduled
        and (pod.waiting is None or pod.waiting[0] in _STARTING)
    ]
    return [*(job for name, job in live.items() if name not in with_pod), *silent]


def _unbound_claims(jobs: Sequence[Job], pods: Sequence[Pod], claims: Mapping[str, Claim | None]) -> list[Waiting]:
    """Return the pending claims, if a Job that is not running waits for them."""
    live = {job.name for job in jobs if job.owned and not (job.finished or job.suspended or job.deleting)}
    running = {pod.job_name for pod in pods if pod.phase == "Running"}
    return [claim for claim in claims.values() if claim and claim.phase == "Pending"] if live - running else []


def _is_held(one: Waiting) -> bool:
    return isinstance(one, Job) and one.suspended

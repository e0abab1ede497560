"""Reads that only working resources need: warnings about what waits, progress of what runs, pods that mount a claim."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from shardwright_operator.decide.pruning import normalized
from shardwright_operator.decide.world import Claim, Job, Pod, Warning
from shardwright_operator.kube.client import Client, Raw
from shardwright_operator.kube.convert import warning
from shardwright_operator.kube.errors import ApiError
from shardwright_operator.kube.kinds import EVENTS, PODS
from shardwright_operator.kube.memory import Notes
from shardwright_worker.contract.progress import Progress, read_progress

PATIENCE = 10.0  # seconds: what starts sooner needs no explanation, and a young pod has no progress worth a call
_FIRST_PAUSE, _LONGEST_PAUSE, _LONGEST_IN_A_QUEUE = 10.0, 60.0, 300.0
_TAIL = 20
_VARIABLE = re.compile(r"\$\(([^()]*)\)")


async def read_warnings(
    client: Client, namespace: str, notes: Notes, waiting: Sequence[Job | Pod | Claim], now: float
) -> float | None:
    """Refresh the Warnings about objects that wait too long; gives seconds until the next look, None if none waits."""
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
            found += [warning(raw) for raw in await client.list(EVENTS, namespace, fields=fields)]
        except ApiError:
            continue  # an explanation is welcome, not needed
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
    running = [pod for pod in pods if pod.phase == "Running" and not pod.deleting]
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


async def read_claim_users(
    client: Client, namespace: str, workers: Collection[str] = ()
) -> Mapping[str, tuple[str, ...]]:
    """Which folders of which claims are mounted by pods that have not ended ("" is a whole volume).

    `workers`: uids of Jobs whose pods do not count.
    """
    users: dict[str, set[str]] = {}
    for raw in await client.list(PODS, namespace):
        ended = raw.get("status", {}).get("phase") in ("Succeeded", "Failed")
        if ended or _controller(raw) in workers:
            continue
        for claim, path in _mounts(raw):
            users.setdefault(claim, set()).add(path)
    return {claim: tuple(sorted(paths)) for claim, paths in users.items()}


def _controller(pod: Raw) -> str:
    owners = pod["metadata"].get("ownerReferences") or []
    return next((str(one["uid"]) for one in owners if one.get("controller") and one.get("kind") == "Job"), "")


def _mounts(pod: Raw) -> list[tuple[str, str]]:
    spec = pod["spec"]
    volumes = {one["name"]: one.get("persistentVolumeClaim", {}).get("claimName") for one in spec.get("volumes") or []}
    kinds = ("initContainers", "containers", "ephemeralContainers")
    containers = [container for kind in kinds for container in spec.get(kind) or []]
    return [
        (claim, mounted_path(pod, container, mount))
        for container in containers
        for mount in container.get("volumeMounts") or []
        if (claim := volumes.get(mount["name"]))
    ]


def mounted_path(pod: Raw, container: Raw, mount: Raw) -> str:
    """The folder that a container mounts; the whole volume ("") if its path has variables that are not known here."""
    if not (expression := mount.get("subPathExpr")):
        return normalized(mount.get("subPath") or "")
    fields = {f"metadata.{name}": pod["metadata"].get(name, "") for name in ("name", "namespace", "uid")}
    values: dict[str, str] = {}
    for one in container.get("env") or []:
        field = ((one.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath", "")
        value = fields.get(field) if "valueFrom" in one else one.get("value", "")
        if value and "$(" not in value:
            values[one["name"]] = value
    names = _VARIABLE.findall(expression)
    if "$$" in expression or any(name not in values for name in names):
        return ""
    return normalized(_VARIABLE.sub(lambda found: values[found.group(1)], expression))


def _age(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds()

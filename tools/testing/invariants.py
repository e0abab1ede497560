"""What must hold at every moment, whatever goes wrong: the history that a witness saw is searched for violations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tools.testing.history_recorder import Event
from tools.testing.simulated_worker import Volumes

ATTEMPT = "shardwright.io/attempt"


def find_violations(events: Sequence[Event], volumes: Volumes) -> list[str]:
    """Every violation, told in a line. `events` are all of a namespace, in order."""
    found: list[str] = []
    for name in dict.fromkeys(event.checkpoint for event in events):
        ours = [event for event in events if event.checkpoint == name]
        statuses = [event for event in ours if event.kind == "resource" and not event.deleted]
        jobs = [event for event in ours if event.kind == "job"]
        for told in (_about_status(statuses, volumes), _about_jobs(jobs), _about_order(statuses, jobs)):
            found += [f"{name}: {one}" for one in told]
    return found


def _about_status(statuses: Sequence[Event], volumes: Volumes) -> Iterator[str]:
    """Ready is true of what is on the volume, attempts only grow, conditions agree with each other."""
    attempt = 0
    for event in statuses:
        metadata, status = event.object["metadata"], event.object.get("status", {})
        conditions = {one["type"]: one for one in status.get("conditions", [])}
        if status.get("attempt", 0) < attempt:
            yield f"attempt fell from {attempt} to {status.get('attempt', 0)}"
        attempt = status.get("attempt", 0)
        if status.get("observedGeneration", -1) > metadata["generation"]:
            yield "observedGeneration is ahead of the generation"
        if {"Reconciling", "Stalled"} <= conditions.keys():
            yield "it is Reconciling and Stalled at once"
        ready = conditions.get("Ready", {})
        if (ready.get("status"), ready.get("observedGeneration")) == ("True", metadata["generation"]):
            yield from _about_artifact(event.object, volumes)


def _about_artifact(resource: Any, volumes: Volumes) -> Iterator[str]:
    status, engine = resource["status"], resource["spec"]["engine"]
    artifact = status.get("artifact")
    if not artifact:
        yield "it is Ready without an artifact"
        return
    if artifact["path"] not in volumes.artifacts[resource["metadata"]["namespace"], artifact["claimName"]]:
        yield f"it is Ready with {artifact['path']}, which nobody published"
    if engine.get("dtype", "auto") != "auto" and engine["dtype"] not in status["serving"]["args"]:
        yield f"it is Ready with the artifact of another dtype than {engine['dtype']}"


def _about_jobs(jobs: Sequence[Event]) -> Iterator[str]:
    """One Job for each attempt, and never two that live."""
    live: dict[str, str] = {}
    carries: dict[tuple[str, str], str] = {}
    for event in jobs:
        metadata = event.object["metadata"]
        uid, owner = metadata["uid"], metadata["ownerReferences"][0]["uid"]
        attempt = owner, metadata["labels"][ATTEMPT]
        if carries.setdefault(attempt, uid) != uid:
            yield f"attempt {attempt[1]} has a second Job, {event.name}"
        if event.deleted or is_finished(event.object):
            live.pop(uid, None)
        elif uid not in live:
            live[uid] = event.name
            if len(live) > 1:
                yield f"two Jobs live at once: {', '.join(live.values())}"


def _about_order(statuses: Sequence[Event], jobs: Sequence[Event]) -> Iterator[str]:
    """The number of an attempt is in status before its Job is there."""
    born: dict[str, Event] = {}
    for event in jobs:
        born.setdefault(event.object["metadata"]["uid"], event)
    for job in born.values():
        number = int(job.object["metadata"]["labels"][ATTEMPT])
        before = [one.object.get("status", {}).get("attempt", 0) for one in statuses if one.version < job.version]
        gap = any(one.listed for one in statuses if one.version > job.version)
        if max(before, default=0) < number and not gap:
            yield f"Job {job.name} came before its attempt was in status"


def is_finished(job: Any) -> bool:
    """Whether the Job has its final condition."""
    conditions = job.get("status", {}).get("conditions", [])
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions)

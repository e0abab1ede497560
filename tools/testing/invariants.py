"""Invariants that hold at every moment, whatever fails: a recorded history is searched for violations of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shardwright_operator.api.names import ATTEMPT
from tools.testing.history_recorder import Version
from tools.testing.simulated_worker import Volumes


def find_violations(history: Sequence[Version], volumes: Volumes) -> list[str]:
    """Return a line for every violation. `history` has all versions of a namespace's objects, in order."""
    found: list[str] = []
    for name in dict.fromkeys(version.checkpoint for version in history):
        ours = [version for version in history if version.checkpoint == name]
        resources = [version for version in ours if version.kind == "resource" and not version.deleted]
        jobs = [version for version in ours if version.kind == "job"]
        for lines in (_of_status(resources, volumes), _of_jobs(jobs), _of_order(resources, jobs)):
            found += [f"{name}: {line}" for line in lines]
    return found


def _of_status(resources: Sequence[Version], volumes: Volumes) -> Iterator[str]:
    """A Ready resource has its artifact on the volume, the attempt only grows, conditions do not contradict."""
    attempt = 0
    for version in resources:
        metadata, status = version.object["metadata"], version.object.get("status", {})
        conditions = {one["type"]: one for one in status.get("conditions", [])}
        if status.get("attempt", 0) < attempt:
            yield f"attempt fell from {attempt} to {status.get('attempt', 0)}"
        attempt = status.get("attempt", 0)
        if status.get("observedGeneration", -1) > metadata["generation"]:
            yield "observedGeneration is ahead of the generation"
        if {"Reconciling", "Stalled"} <= conditions.keys():
            yield "Reconciling and Stalled are True at once"
        ready = conditions.get("Ready", {})
        if (ready.get("status"), ready.get("observedGeneration")) == ("True", metadata["generation"]):
            yield from _of_artifact(version.object, volumes)


def _of_artifact(resource: Any, volumes: Volumes) -> Iterator[str]:
    """The artifact of a Ready resource was published, and with the dtype of the spec."""
    status, engine = resource["status"], resource["spec"]["engine"]
    artifact = status.get("artifact")
    if not artifact:
        yield "Ready without an artifact"
        return
    if artifact["path"] not in volumes.artifacts[resource["metadata"]["namespace"], artifact["claimName"]]:
        yield f"Ready with {artifact['path']}, which was never published"
    if engine.get("dtype", "auto") != "auto" and engine["dtype"] not in status["serving"]["args"]:
        yield f"Ready with the artifact of another dtype than {engine['dtype']}"


def _of_jobs(jobs: Sequence[Version]) -> Iterator[str]:
    """There is one Job for each attempt, and never more than one that has not finished."""
    live: dict[str, str] = {}
    of_attempt: dict[tuple[str, str], str] = {}
    for version in jobs:
        metadata = version.object["metadata"]
        uid, owner = metadata["uid"], metadata["ownerReferences"][0]["uid"]
        attempt = owner, metadata["labels"][ATTEMPT]
        if of_attempt.setdefault(attempt, uid) != uid:
            yield f"attempt {attempt[1]} has a second Job, {version.name}"
        if version.deleted or is_finished(version.object):
            live.pop(uid, None)
        elif uid not in live:
            live[uid] = version.name
            if len(live) > 1:
                yield f"two Jobs are live at once: {', '.join(live.values())}"


def _of_order(resources: Sequence[Version], jobs: Sequence[Version]) -> Iterator[str]:
    """The number of an attempt is in the status before its Job is created."""
    created: dict[str, Version] = {}
    for version in jobs:
        created.setdefault(version.object["metadata"]["uid"], version)
    for job in created.values():
        number = int(job.object["metadata"]["labels"][ATTEMPT])
        before = [one.object.get("status", {}).get("attempt", 0) for one in resources if one.number < job.number]
        gap = any(one.listed for one in resources if one.number > job.number)
        if max(before, default=0) < number and not gap:
            yield f"Job {job.name} was created before its attempt was in the status"


def is_finished(job: Any) -> bool:
    """Return whether the Job has its final condition.

    https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions
    """
    conditions = job.get("status", {}).get("conditions", [])
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions)

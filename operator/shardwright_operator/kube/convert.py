"""Raw objects of the API server to what the cache holds; nothing else of an object survives.

Whatever is odd about an object, its conversion fails with `MalformedObjectError` and nothing else.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from sys import intern
from typing import Any

from shardwright_operator.api.names import LABEL_PREFIX, REQUESTED_AT
from shardwright_operator.api.output_folder import normalized
from shardwright_operator.decide.observed import Claim, Job, Pod, Warning
from shardwright_operator.kube.cached_objects import (
    AnyEntry,
    ClaimEntry,
    Entry,
    JobEntry,
    Key,
    PodEntry,
    ResourceEntry,
    Stored,
)
from shardwright_operator.kube.fields import (
    Raw,
    flag,
    identity,
    mapping,
    mappings,
    moment,
    number,
    quantity,
    text,
    texts,
    version,
)
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, EVENTS, JOBS, PODS, Kind
from shardwright_operator.kube.malformed import guarded
from shardwright_worker.contract.text import clean_lines

WORKER = "worker"  # the container that is ours, whatever else is put into the pod
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REPORT_LIMIT = 16384  # characters; the kubelet cuts a termination message much earlier


@guarded(CHECKPOINTS)
def resource(raw: Raw) -> ResourceEntry:
    """A ShardedCheckpoint. What is odd in its spec is told as such when it is parsed, so it is taken as it is."""
    metadata = mapping(raw, "metadata")
    spec = raw.get("spec") or {}
    stored = Stored(
        generation=number(metadata, "generation") or 0,
        deleting="deletionTimestamp" in metadata,
        requested_at=text(mapping(metadata, "annotations"), REQUESTED_AT) or None,
        spec=_compact(spec),
        status=_compact(raw.get("status") or {}),
        claims=_claims_of(spec),
        created_at=moment(metadata, "creationTimestamp") or _EPOCH,
        folder=_folder_of(metadata, spec),
    )
    return _entry(metadata, identity(metadata, "uid"), stored)


@guarded(JOBS)
def job(raw: Raw) -> JobEntry:
    """A Job with its conditions Complete and Failed. It works for the resource that controls it."""
    metadata, spec, status = mapping(raw, "metadata"), mapping(raw, "spec"), mapping(raw, "status")
    told = {text(one, "type"): one for one in mappings(status, "conditions") if text(one, "status") == "True"}
    final = told.get("Complete") or told.get("Failed") or {}
    value = Job(
        name=identity(metadata, "name"),
        uid=identity(metadata, "uid"),
        created_at=moment(metadata, "creationTimestamp") or _EPOCH,
        owned=False,
        labels=_labels(metadata),
        suspended=flag(spec, "suspend"),
        deleting="deletionTimestamp" in metadata,
        complete="Complete" in told,
        failed=_words(told.get("Failed")),
        finished_at=moment(status, "completionTime") or moment(final, "lastTransitionTime"),
    )
    return _entry(metadata, _controller(metadata, CHECKPOINTS)[1], value)


@guarded(PODS)
def pod(raw: Raw) -> PodEntry:
    """A pod and what became of the worker in it. It works for the Job that controls it."""
    metadata, status = mapping(raw, "metadata"), mapping(raw, "status")
    conditions = {text(one, "type"): one for one in mappings(status, "conditions")}
    states = {text(one, "name"): mapping(one, "state") for one in mappings(status, "containerStatuses")}
    state = states.get(WORKER, {})
    ended = mapping(state, "terminated")
    scheduled, target = conditions.get("PodScheduled", {}), conditions.get("DisruptionTarget", {})
    job_name, job_uid = _controller(metadata, JOBS)
    value = Pod(
        name=identity(metadata, "name"),
        uid=identity(metadata, "uid"),
        job_name=job_name,
        phase=intern(text(status, "phase") or "Pending"),
        created_at=moment(metadata, "creationTimestamp") or _EPOCH,
        deleting="deletionTimestamp" in metadata,
        unscheduled=_words(scheduled) if text(scheduled, "status") == "False" else None,
        waiting=_words(mapping(state, "waiting")),
        exit_code=number(ended, "exitCode"),
        terminated_reason=text(ended, "reason") or text(status, "reason"),
        termination_message=_report(ended),
        disruption=text(target, "reason") if text(target, "status") == "True" else "",
        started_at=moment(mapping(state, "running") or ended, "startedAt"),
        status_reason=text(status, "reason"),
        status_message=text(status, "message"),
        node=text(mapping(raw, "spec"), "nodeName"),
        unreachable_since=_unreachable_since(conditions) if "running" in state else None,
    )
    return _entry(metadata, job_uid, value)


def _unreachable_since(conditions: Mapping[str, Raw]) -> datetime | None:
    """Since when the node lifecycle controller calls a pod not ready whose kubelet calls its containers ready.

    A kubelet sets both conditions, and says why; the controller sets Ready alone, when a node has stopped reporting.
    """
    ready, containers = conditions.get("Ready", {}), conditions.get("ContainersReady", {})
    if text(ready, "status") != "False" or text(containers, "status") != "True":
        return None
    return None if text(ready, "reason") == "ReadinessGatesNotReady" else moment(ready, "lastTransitionTime")


@guarded(CLAIMS)
def claim(raw: Raw) -> ClaimEntry:
    """A PersistentVolumeClaim, whoever made it."""
    metadata, spec, status = mapping(raw, "metadata"), mapping(raw, "spec"), mapping(raw, "status")
    value = Claim(
        name=identity(metadata, "name"),
        uid=identity(metadata, "uid"),
        phase=intern(text(status, "phase") or "Pending"),
        access_modes=tuple(map(intern, texts(status, "accessModes") or texts(spec, "accessModes"))),
        deleting="deletionTimestamp" in metadata,
        capacity=quantity(text(mapping(status, "capacity"), "storage") or None),
        created_at=moment(metadata, "creationTimestamp"),
        owners=_checkpoints_owning(metadata),
    )
    return _entry(metadata, _controller(metadata, CHECKPOINTS)[1], value)


CONVERT: dict[Kind, Callable[[Raw], AnyEntry]] = {CHECKPOINTS: resource, JOBS: job, PODS: pod, CLAIMS: claim}


@guarded(EVENTS)
def warning(raw: Raw) -> Warning:
    """An event of events.k8s.io, a Warning as a rule."""
    about, metadata = mapping(raw, "regarding"), mapping(raw, "metadata")
    told = (
        moment(mapping(raw, "series"), "lastObservedTime"),
        moment(raw, "deprecatedLastTimestamp"),
        moment(raw, "eventTime"),
        moment(metadata, "creationTimestamp"),
    )
    return Warning(
        kind=text(about, "kind"),
        name=identity(about, "name"),
        reason=text(raw, "reason"),
        message=text(raw, "note"),
        time=next((one for one in told if one), _EPOCH),
        normal=text(raw, "type") == "Normal",
    )


def _entry(metadata: Raw, owner: str, value: Any) -> Entry[Any]:
    name, uid = identity(metadata, "name"), identity(metadata, "uid")
    if not (name and uid):
        raise ValueError("metadata has no name or no uid")
    return Entry(Key(intern(identity(metadata, "namespace")), name), uid, version(metadata), owner, value)


def _compact(value: object) -> bytes:
    # Halves of characters, which no encoder takes, become question marks.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def _claims_of(spec: object) -> tuple[str, ...]:
    sides = [spec.get(side) for side in ("source", "output")] if isinstance(spec, dict) else []
    places = [side.get("persistentVolumeClaim") for side in sides if isinstance(side, dict)]
    names = [place.get("claimName") for place in places if isinstance(place, dict)]
    return tuple({name: None for name in names if name and isinstance(name, str)})


def _folder_of(metadata: Raw, spec: object) -> tuple[str, str]:
    """The output claim, and the normalized folder of the artifacts in it; empty where the spec is none."""
    output = spec.get("output") if isinstance(spec, dict) else None
    place = output.get("persistentVolumeClaim") if isinstance(output, dict) else None
    claim, path = place.get("claimName") if isinstance(place, dict) else "", (output or {}).get("path")
    if not isinstance(claim, str) or not isinstance(path, str | None):
        return "", ""
    return claim, normalized(path or f"{text(metadata, 'namespace')}/{identity(metadata, 'name')}")


def _checkpoints_owning(metadata: Raw) -> tuple[tuple[str, str], ...]:
    """Names and uids of the ShardedCheckpoints with which the garbage collector deletes the object."""
    ours = (CHECKPOINTS.group, CHECKPOINTS.kind)
    return tuple(
        (identity(one, "name"), identity(one, "uid"))
        for one in mappings(metadata, "ownerReferences")
        if (text(one, "apiVersion").rpartition("/")[0], text(one, "kind")) == ours
    )


def _labels(metadata: Raw) -> dict[str, str]:
    labels = mapping(metadata, "labels")
    return {intern(name): identity(labels, name) for name in labels if name.startswith(LABEL_PREFIX)}


def _controller(metadata: Raw, kind: Kind) -> tuple[str, str]:
    """Name and uid of the object that controls this one, if it is of this kind and group: whatever version wrote it."""
    for one in mappings(metadata, "ownerReferences"):
        group = text(one, "apiVersion").rpartition("/")[0]
        if flag(one, "controller") and (group, text(one, "kind")) == (kind.group, kind.kind):
            return identity(one, "name"), identity(one, "uid")
    return "", ""


def _report(ended: Raw) -> str:
    """What the worker wrote as its last word: lines stay lines, everything else is made fit to be shown."""
    found = ended.get("message")
    if found is not None and not isinstance(found, str):
        raise ValueError("terminated.message is no text")
    return clean_lines((found or "")[:_REPORT_LIMIT])


def _words(told: Raw | None) -> tuple[str, str] | None:
    return (text(told, "reason"), text(told, "message")) if told else None

"""Raw objects of the API server to what the cache holds; nothing else of an object survives."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from sys import intern
from typing import Any

from shardwright_operator.decide.pruning import normalized
from shardwright_operator.decide.world import Claim, Job, Pod, Warning
from shardwright_operator.kube.entries import (
    AnyEntry,
    ClaimEntry,
    Entry,
    JobEntry,
    Key,
    PodEntry,
    ResourceEntry,
    Stored,
    StoredJob,
)
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, LABEL_UID, PODS, Kind

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
_OUR_LABELS = "shardwright.io/"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Raw = Mapping[str, Any]


def resource(raw: Raw) -> ResourceEntry:
    """A ShardedCheckpoint."""
    metadata = raw["metadata"]
    spec = raw.get("spec") or {}
    stored = Stored(
        generation=int(metadata.get("generation", 0)),
        deleting="deletionTimestamp" in metadata,
        requested_at=(metadata.get("annotations") or {}).get(REQUESTED_AT),
        spec=_compact(spec),
        status=_compact(raw.get("status") or {}),
        claims=_claims_of(spec),
        created_at=moment(metadata.get("creationTimestamp")) or _EPOCH,
        folder=_folder_of(metadata, spec),
    )
    return _entry(metadata, metadata["uid"], stored)


def job(raw: Raw) -> JobEntry:
    """A Job with its conditions Complete, Failed and FailureTarget."""
    metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    told = {one["type"]: one for one in status.get("conditions") or [] if one.get("status") == "True"}
    final = told.get("Complete") or told.get("Failed") or {}
    labels = _labels(metadata)
    value = Job(
        name=metadata["name"],
        uid=metadata["uid"],
        created_at=moment(metadata.get("creationTimestamp")) or _EPOCH,
        owned=False,
        labels=labels,
        suspended=bool(spec.get("suspend")),
        deleting="deletionTimestamp" in metadata,
        complete="Complete" in told,
        failed=_words(told.get("Failed")),
        failure_target=_words(told.get("FailureTarget")),
        started_at=moment(status.get("startTime")),
        finished_at=moment(status.get("completionTime") or final.get("lastTransitionTime")),
        active=int(status.get("active", 0)),
    )
    return _entry(metadata, labels.get(LABEL_UID, ""), StoredJob(value, _controller(metadata)))


def pod(raw: Raw) -> PodEntry:
    """A pod of one of our Jobs; the worker is its only container."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or []}
    states = [one.get("state") or {} for one in status.get("containerStatuses") or []]
    state = states[0] if states else {}
    ended = state.get("terminated") or {}
    scheduled = conditions.get("PodScheduled") or {}
    target = conditions.get("DisruptionTarget") or {}
    labels = metadata.get("labels") or {}
    value = Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        job_name=labels.get("batch.kubernetes.io/job-name") or labels.get("job-name", ""),
        phase=intern(status.get("phase", "Pending")),
        created_at=moment(metadata.get("creationTimestamp")) or _EPOCH,
        deleting="deletionTimestamp" in metadata,
        unscheduled=_words(scheduled) if scheduled.get("status") == "False" else None,
        waiting=_words(state.get("waiting")),
        exit_code=ended.get("exitCode"),
        terminated_reason=ended.get("reason", "") or status.get("reason", ""),
        termination_message=ended.get("message", ""),
        disruption=target.get("reason", "") if target.get("status") == "True" else "",
        started_at=moment((state.get("running") or ended).get("startedAt")),
        finished_at=moment(ended.get("finishedAt")),
        status_reason=status.get("reason") or "",
        status_message=status.get("message") or "",
        node=(raw.get("spec") or {}).get("nodeName") or "",
        unreachable_since=_unreachable_since(conditions) if "running" in state else None,
    )
    return _entry(metadata, labels.get(LABEL_UID, ""), value)


def _unreachable_since(conditions: Mapping[str, Raw]) -> datetime | None:
    """Since when the node lifecycle controller calls a pod not ready whose kubelet calls its containers ready.

    A kubelet sets both conditions, and says why; the controller sets Ready alone, when a node has stopped reporting.
    """
    ready, containers = conditions.get("Ready") or {}, conditions.get("ContainersReady") or {}
    if ready.get("status") != "False" or containers.get("status") != "True":
        return None
    return None if ready.get("reason") == "ReadinessGatesNotReady" else moment(ready.get("lastTransitionTime"))


def claim(raw: Raw) -> ClaimEntry:
    """A PersistentVolumeClaim, whoever made it."""
    metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    labels = _labels(metadata)
    value = Claim(
        name=metadata["name"],
        uid=metadata["uid"],
        phase=intern(status.get("phase", "Pending")),
        access_modes=tuple(intern(mode) for mode in status.get("accessModes") or spec.get("accessModes") or ()),
        deleting="deletionTimestamp" in metadata,
        capacity=quantity((status.get("capacity") or {}).get("storage")),
        labels=labels,
        created_at=moment(metadata.get("creationTimestamp")),
        owners=_checkpoints_owning(metadata),
    )
    return _entry(metadata, labels.get(LABEL_UID, ""), value)


CONVERT: dict[Kind, Callable[[Raw], AnyEntry]] = {CHECKPOINTS: resource, JOBS: job, PODS: pod, CLAIMS: claim}


def warning(raw: Raw) -> Warning:
    """An event of events.k8s.io, a Warning as a rule."""
    about = raw.get("regarding") or {}
    series = raw.get("series") or {}
    times = (series.get("lastObservedTime"), raw.get("deprecatedLastTimestamp"), raw.get("eventTime"))
    time = next((found for found in map(moment, times) if found), None)
    return Warning(
        kind=about.get("kind", ""),
        name=about.get("name", ""),
        reason=raw.get("reason", ""),
        message=raw.get("note", ""),
        time=time or moment(raw["metadata"].get("creationTimestamp")) or _EPOCH,
        normal=raw.get("type") == "Normal",
    )


def moment(text: str | None) -> datetime | None:
    """A time as Kubernetes writes it."""
    return datetime.fromisoformat(text) if text else None


_UNITS: dict[str, Decimal | int] = {"": 1, "m": Decimal("0.001"), "k": 1000, "Ki": 1024}
_UNITS |= {letter: 1000**power for power, letter in enumerate("MGTPE", start=2)}
_UNITS |= {f"{letter}i": 1024**power for power, letter in enumerate("MGTPE", start=2)}


def quantity(text: str | None) -> int | None:
    """A Kubernetes quantity in whole units, None if it cannot be read."""
    if not text:
        return None
    number = text.rstrip("kKMGTPEim")
    try:
        return int(Decimal(number) * _UNITS[text[len(number) :]])
    except (InvalidOperation, KeyError):
        return None


def _entry(metadata: Raw, owner: str, value: Any) -> Entry[Any]:
    key = Key(intern(metadata.get("namespace", "")), metadata["name"])
    version = metadata.get("resourceVersion", "0")
    return Entry(key, metadata["uid"], int(version) if version.isdigit() else 0, owner, value)


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _claims_of(spec: Raw) -> tuple[str, ...]:
    places = [(spec.get(side) or {}).get("persistentVolumeClaim") or {} for side in ("source", "output")]
    return tuple({place["claimName"]: None for place in places if place.get("claimName")})


def _folder_of(metadata: Raw, spec: Raw) -> tuple[str, str]:
    """The output claim, and the normalized folder of the artifacts in it."""
    output = spec.get("output") or {}
    claim = (output.get("persistentVolumeClaim") or {}).get("claimName") or ""
    return claim, normalized(output.get("path") or f"{metadata.get('namespace', '')}/{metadata['name']}")


def _checkpoints_owning(metadata: Raw) -> tuple[tuple[str, str], ...]:
    """Names and uids of the ShardedCheckpoints with which the garbage collector deletes the object."""
    owners = metadata.get("ownerReferences") or []
    return tuple(
        (str(one["name"]), str(one["uid"]))
        for one in owners
        if one.get("kind") == CHECKPOINTS.kind and str(one.get("apiVersion", "")).startswith(f"{CHECKPOINTS.group}/")
    )


def _labels(metadata: Raw) -> dict[str, str]:
    found = (metadata.get("labels") or {}).items()
    return {intern(name): value for name, value in found if name.startswith(_OUR_LABELS)}


def _controller(metadata: Raw) -> str:
    owners = metadata.get("ownerReferences") or []
    return next((str(one["uid"]) for one in owners if one.get("controller")), "")


def _words(told: Raw | None) -> tuple[str, str] | None:
    return (told.get("reason", ""), told.get("message", "")) if told else None

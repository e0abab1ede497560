"""Removing older artifacts: when it is due, and what stays whatever is due."""

from datetime import datetime, timedelta
from posixpath import normpath

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Artifact, Status
from shardwright_operator.decide.observed import Observed, Resource
from shardwright_operator.manifests.job_template import folder_on_volume
from shardwright_worker.contract.naming import is_key
from shardwright_worker.contract.report import Report

# Entries of status.upkeep.
PRUNED_FOR = "prunedFor"  # artifact and number of the pruning that was done last
SPARED = "spared"  # what that pruning left alone since a pod mounted it
SKIPPED_AT = "skippedAt"  # when a pruning Job started too late to trust what it was told of mounts
WAITING = "waiting"  # why something is not done yet

_DONE = ("kept", "removed", "freed", "notRemoved")  # entries of a report on what was done

WINDOW = timedelta(minutes=2)  # a pruning Job that starts later removes nothing: pods may have mounted something since
LOOK_AFTER = 600.0  # seconds until pods are asked again what they mount
LOOK_CLOSELY = 5.0  # the same while a pruning Job is there


def wants_claim_users(resource: Resource) -> bool:
    """Whether it matters now which artifacts are mounted. It is cheap to ask, but not for every look at a resource."""
    spec, status = resource.spec, resource.status
    if spec is None or spec.output.history_limit is None or status.artifact is None or status.source is None:
        return False
    if status.artifact.key != status.source.key:
        return False
    return not _is_done(spec, status, status.artifact) or bool(status.upkeep.get(SPARED))


def due_pruning(now: datetime, observed: Observed, spec: Spec, artifact: Artifact) -> str:
    """Names the pruning that is due by all that it depends on, empty if none is or may be done."""
    status, in_use = observed.resource.status, artifacts_in_use(observed, spec)
    if spec.output.history_limit is None or in_use is None or observed.neighbors or _was_skipped(status, now):
        return ""
    freed = set(status.upkeep.get(SPARED, "").split()) - set(in_use)
    if _is_done(spec, status, artifact) and not freed:
        return ""
    return f"prune {artifact.key} {spec.output.history_limit} {' '.join(in_use)}"


def why_pruning_waits(observed: Observed, spec: Spec, artifact: Artifact) -> str:
    """What keeps a pruning that is wanted from being done, for people; empty if none is wanted."""
    status = observed.resource.status
    if spec.output.history_limit is None or _is_done(spec, status, artifact):
        spared = status.upkeep.get(SPARED) if spec.output.history_limit is not None else ""
        return f"Kept beyond spec.output.historyLimit while pods mount them: {spared}" if spared else ""
    if observed.neighbors:
        names = ", ".join(one.name for one in observed.neighbors)
        return f"Nothing is removed while the folders of other resources overlap with this one's: {names}"
    if status.upkeep.get(SKIPPED_AT):
        return "The Job that was to remove older artifacts started late; mounts are looked at anew before the next one"
    if observed.claim_users is None:
        return "Nothing is removed until it is known what the namespace's pods mount"
    return "Nothing is removed while a pod mounts more than one artifact; mount the artifact by subPath"


def artifacts_in_use(observed: Observed, spec: Spec) -> list[str] | None:
    """Keys of the artifacts that pods mount. None if nobody has looked, or a pod mounts more than one of them."""
    if observed.claim_users is None:
        return None
    folder = folder_on_volume(observed.resource.namespace, observed.resource.name, spec)
    keys = set()
    for mounted in observed.claim_users.get(spec.output.persistent_volume_claim.claim_name, ()):
        path = normalized(mounted)
        if path.startswith("..") or is_inside(folder, path):
            return None
        if is_inside(path, folder):
            keys.add(path.removeprefix(folder).strip("/").split("/")[0])
    return sorted(keys) if all(map(is_key, keys)) else None  # a link may lead to any artifact


def pruned(upkeep: dict[str, str], spec: Spec, artifact: str, report: Report, now: datetime) -> dict[str, str]:
    """The entries of status.upkeep after a pruning Job's report."""
    kept = {name: text for name, text in upkeep.items() if name not in (SPARED, SKIPPED_AT, WAITING)}
    if report.upkeep.get("skipped"):
        spared = {SPARED: upkeep[SPARED]} if SPARED in upkeep else {}  # not done: it is still to be removed
        return {**kept, **spared, SKIPPED_AT: now.replace(microsecond=0).isoformat()}
    for name in _DONE:
        kept.pop(name, None)
    done = {name: text for name, text in report.upkeep.items() if name in (*_DONE, SPARED)}
    return {**kept, **done, PRUNED_FOR: f"{artifact}/{spec.output.history_limit}"}


def normalized(path: str) -> str:
    """A path relative to the root of a volume in its one spelling; the root is the empty path."""
    spelled = normpath(path.lstrip("/") or ".")
    return "" if spelled == "." else spelled


def is_inside(path: str, folder: str) -> bool:
    """Whether a normalized path is the folder or below it."""
    return not folder or path == folder or path.startswith(f"{folder}/")


def _is_done(spec: Spec, status: Status, artifact: Artifact) -> bool:
    return status.upkeep.get(PRUNED_FOR) == f"{artifact.key}/{spec.output.history_limit}"


def _was_skipped(status: Status, now: datetime) -> bool:
    try:
        return now < datetime.fromisoformat(status.upkeep.get(SKIPPED_AT, "")) + timedelta(seconds=LOOK_AFTER)
    except (ValueError, TypeError, OverflowError):
        return False

"""Removal of older artifacts: when it is due, and which artifacts are kept whatever is due."""

from datetime import datetime, timedelta

from shardwright_operator.api.maintenance_status import LastPruned, Maintenance
from shardwright_operator.api.output_folder import folder_on_volume, is_inside, normalized
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Artifact, Status
from shardwright_operator.decide.observed import Observed, Resource
from shardwright_worker.contract.maintenance import PruneReport
from shardwright_worker.contract.naming import is_key
from shardwright_worker.contract.report import Report

WINDOW = timedelta(minutes=2)  # a pruning Job that starts later removes nothing: pods may have mounted something since
MOUNTS_INTERVAL = 600.0  # seconds until the pods' mounts are read again
PRUNING_INTERVAL = 5.0  # the same while a pruning Job exists


def wants_claim_users(resource: Resource) -> bool:
    """Return whether it matters now which artifacts are mounted: reading all pods in each decision costs too much."""
    spec, status = resource.spec, resource.status
    if spec is None or spec.output.history_limit is None or status.artifact is None or status.source is None:
        return False
    if status.artifact.key != status.source.key:
        return False
    return not _is_done(spec, status, status.artifact) or bool(_in_use(status))


def due_pruning(now: datetime, observed: Observed, status: Status, spec: Spec, artifact: Artifact) -> str:
    """Return all that the pruning that is due depends on, as text; empty if none is due or may be done."""
    in_use = artifacts_in_use(observed, spec)
    if spec.output.history_limit is None or in_use is None or observed.neighbors or _was_skipped(status, now):
        return ""
    freed = set(_in_use(status)) - set(in_use)
    if _is_done(spec, status, artifact) and not freed:
        return ""
    return f"prune {artifact.key} {spec.output.history_limit} {' '.join(in_use)}"


def why_pruning_waits(observed: Observed, status: Status, spec: Spec, artifact: Artifact) -> str:
    """Return why a pruning that the spec asks for is not done, for users; empty if it asks for none."""
    if spec.output.history_limit is None or _is_done(spec, status, artifact):
        in_use = " ".join(_in_use(status)) if spec.output.history_limit is not None else ""
        return f"Kept beyond spec.output.historyLimit while pods mount them: {in_use}" if in_use else ""
    if observed.neighbors:
        names = ", ".join(one.name for one in observed.neighbors)
        return f"Nothing is removed while the folders of other resources overlap with this one's: {names}"
    if status.maintenance.prune_skipped_at:
        return "The Job that was to remove older artifacts started late; mounts are read again before the next one"
    if observed.claim_users is None:
        return "Nothing is removed until it is known what the namespace's pods mount"
    return "Nothing is removed while a pod mounts more than one artifact; mount the artifact by subPath"


def artifacts_in_use(observed: Observed, spec: Spec) -> list[str] | None:
    """Return the keys of the artifacts that pods mount; None if that was not read or a pod mounts more than one."""
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


def pruned(before: Maintenance, spec: Spec, artifact: str, report: Report, now: datetime) -> Maintenance:
    """Return status.maintenance after a pruning Job's report."""
    assert spec.output.history_limit is not None
    done = report.maintenance.pruned or PruneReport()
    if done.expired:  # what was in use the last time is still to be removed
        return before.update(prune_skipped_at=now.replace(microsecond=0), blocked_reason=None)
    last = LastPruned(
        artifact=artifact, history_limit=spec.output.history_limit, **done.model_dump(exclude={"expired"})
    )
    return before.update(last_pruned=last, prune_skipped_at=None, blocked_reason=None)


def _is_done(spec: Spec, status: Status, artifact: Artifact) -> bool:
    last = status.maintenance.last_pruned
    return last is not None and (last.artifact, last.history_limit) == (artifact.key, spec.output.history_limit)


def _in_use(status: Status) -> list[str]:
    """Artifacts that the last pruning kept because a pod mounted them."""
    last = status.maintenance.last_pruned
    return last.in_use if last else []


def _was_skipped(status: Status, now: datetime) -> bool:
    skipped_at = status.maintenance.prune_skipped_at
    try:
        return skipped_at is not None and now < skipped_at + timedelta(seconds=MOUNTS_INTERVAL)
    except OverflowError:  # a year that only a user can have written
        return False

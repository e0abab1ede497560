"""Kubernetes Events: one for each change that users follow: a Job starts, is disrupted, stops or ends."""

from collections.abc import Iterator

from shardwright_operator.api.maintenance_status import LastPruned
from shardwright_operator.api.names import READY
from shardwright_operator.api.status import JobStatus, Status
from shardwright_operator.decide.plan import Event
from shardwright_operator.decide.sentences import sentences
from shardwright_worker.contract.reasons import Reason


def events_of(before: Status, after: Status) -> Iterator[Event]:
    """Return the Events of this change of status; there is none for progress."""
    yield from _of_jobs(before, after)
    yield from _of_maintenance(before, after)
    yield from _of_results(before, after)


def _of_jobs(before: Status, after: Status) -> Iterator[Event]:
    old, new = before.job, after.job
    if old and (new is None or new.name != old.name) and old.stage == "Shard" and old.pod and not _ended(before, after):
        stopped = f"{_title(old)} is stopped, since its inputs have changed: Job {old.name}"
        yield Event("Normal", Reason.PROGRESSING, stopped, "StopJob")
    ready = after.condition(READY)
    maintains = ready is not None and ready.status == "True"  # maintenance of a published artifact starts silently
    if new and (old is None or old.name != new.name) and not maintains:
        yield Event("Normal", Reason.PROGRESSING, f"{_title(new)} starts: Job {new.name}", "StartJob")
    if new and new.disruptions > (old.disruptions if old and old.name == new.name else 0):
        lost = sentences(new.last_disruption, f"Disruptions of Job {new.name} so far: {new.disruptions}")
        yield Event("Warning", Reason.DISRUPTED, lost, "ReplacePod")


def _ended(before: Status, after: Status) -> bool:
    """Return whether the Job on record has a result: a failure of its own, or an artifact."""
    assert before.job is not None
    failed = after.last_failure is not None and after.last_failure.job == before.job.name
    return failed or (after.artifact is not None and after.artifact != before.artifact)


def _title(job: JobStatus) -> str:
    return f"{job.stage} attempt {job.attempt}"


def _of_maintenance(before: Status, after: Status) -> Iterator[Event]:
    old, new = before.maintenance, after.maintenance
    if new.source_changed and new.source_changed != old.source_changed:
        yield Event("Warning", Reason.SOURCE_CHANGED, new.source_changed)
    removed = _removed(new.last_pruned)
    if removed and removed != _removed(old.last_pruned):
        yield Event("Normal", Reason.SUCCEEDED, f"Older artifacts were removed: {removed}", "Prune")


def _removed(pruned: LastPruned | None) -> str:
    """Return the artifacts that were removed, as text; empty if none were."""
    if pruned is None or not pruned.removed:
        return ""
    more = pruned.removed_count - len(pruned.removed)
    return ", ".join(pruned.removed) + (f" and {more} more" if more > 0 else "")


def _of_results(before: Status, after: Status) -> Iterator[Event]:
    failure = after.last_failure
    if failure and (before.last_failure is None or before.last_failure.job != failure.job):
        yield Event("Warning", failure.reason, f"{failure.stage} attempt {failure.attempt}: {failure.message}")
    old, new = before.condition(READY), after.condition(READY)
    if new is None or (old and (old.status, old.reason) == (new.status, new.reason)):
        return
    if new.status == "True":
        yield Event("Normal", new.reason, new.message)
    elif new.status == "False" and not (failure and failure.reason == new.reason):
        yield Event("Warning", new.reason, new.message)

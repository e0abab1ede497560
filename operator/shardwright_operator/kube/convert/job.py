"""Converts a Job."""

from shardwright_operator.decide.observed import Job
from shardwright_operator.kube.cached_objects import JobEntry
from shardwright_operator.kube.convert.fields import (
    Raw,
    boolean,
    identifier,
    mapping,
    mappings,
    reason_and_message,
    text,
    timestamp,
)
from shardwright_operator.kube.convert.malformed import converter
from shardwright_operator.kube.convert.metadata import controller_of, created_at, our_labels, to_entry
from shardwright_operator.kube.kinds import CHECKPOINTS, JOBS


@converter(JOBS)
def convert_job(raw: Raw) -> JobEntry:
    """Return the entry of a Job with its conditions Complete and Failed: no pod of it runs any more.

    https://github.com/kubernetes/api/blob/v0.36.3/batch/v1/types.go#L485
    """
    metadata, spec, status = mapping(raw, "metadata"), mapping(raw, "spec"), mapping(raw, "status")
    conditions = {text(one, "type"): one for one in mappings(status, "conditions") if text(one, "status") == "True"}
    final = conditions.get("Complete") or conditions.get("Failed") or {}
    job = Job(
        name=identifier(metadata, "name"),
        uid=identifier(metadata, "uid"),
        created_at=created_at(metadata),
        owned=False,  # the observer knows for which resource it reads the Job
        labels=our_labels(metadata),
        suspended=boolean(spec, "suspend"),
        deleting="deletionTimestamp" in metadata,
        complete="Complete" in conditions,
        failed=reason_and_message(conditions.get("Failed")),
        # A failed Job has no completionTime.
        finished_at=timestamp(status, "completionTime") or timestamp(final, "lastTransitionTime"),
    )
    return to_entry(metadata, controller_of(metadata, CHECKPOINTS)[1], job)

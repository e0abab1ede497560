"""A person's request to try again: the annotation whose value is part of all inputs."""

from shardwright_operator.decide.observed import Observed
from shardwright_operator.decide.pending import has_started


def request_of(observed: Observed) -> str | None:
    """The request that counts now. A newer one does not stop a Job that runs: it is taken up when that has ended."""
    resource = observed.resource
    attempt = resource.status.job
    for job in observed.jobs:
        on_record = attempt is not None and job.name == attempt.name and job.owned and not job.deleting
        if on_record and (job.finished or has_started(observed, job)):
            return resource.status.last_handled_reconcile_at
    return resource.request

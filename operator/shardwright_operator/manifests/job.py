"""The body of a Job, from what a plan asks for."""

from typing import Any

from shardwright_operator.decide.job_request import JobRequest, PrepareJobRequest
from shardwright_operator.manifests.prepare_job import build_prepare_job
from shardwright_operator.manifests.shard_job import build_shard_job


def build_job(request: JobRequest) -> dict[str, Any]:
    """Return the Job for POST."""
    return build_prepare_job(request) if isinstance(request, PrepareJobRequest) else build_shard_job(request)

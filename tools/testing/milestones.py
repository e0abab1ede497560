"""Milestones of a resource: the writes of the operator that every run to the same result contains."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tools.testing.api_requests import ApiRequest


def milestone_of(request: ApiRequest) -> str:
    """Return the milestone that a write is; empty for a write that only reports progress, which may be left out."""
    if request.plural == "jobs" and request.writes:
        return f"{request.verb} job {request.object_name().rpartition('-')[2]}"
    if request.operation == "apply shardedcheckpoints/status":
        return _of_status((request.body or {}).get("status") or {})
    return ""


def milestones(requests: Iterable[ApiRequest]) -> tuple[str, ...]:
    """Return the milestones of these requests in order, without repetitions."""
    found = [milestone for request in requests if (milestone := milestone_of(request))]
    return tuple(dict.fromkeys(found))


def _of_status(status: dict[str, Any]) -> str:
    job, failure = status.get("job"), status.get("lastFailure")
    if job:
        return "" if job.get("startedAt") else f"record attempt {job['attempt']}"
    ready = [one["status"] for one in status.get("conditions", []) if one["type"] == "Ready"]
    if ready == ["True"]:
        return "ready"
    return f"record failure {failure['attempt']}" if failure else ""

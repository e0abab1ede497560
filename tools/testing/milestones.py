"""What a write of the operator means to its resource: the steps that each way from a spec to its end must take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tools.testing.api_requests import ApiRequest


def step_of(call: ApiRequest) -> str:
    """The step that a write is; empty for what only tells how far things are, which may be told or not."""
    if call.plural == "jobs" and call.writes:
        return f"{call.verb} job {call.target().rpartition('-')[2]}"
    if call.what == "apply shardedcheckpoints/status":
        return _of_status((call.body or {}).get("status") or {})
    return ""


def steps(calls: Iterable[ApiRequest]) -> tuple[str, ...]:
    """The steps that these writes are, in their order; one that is told twice is one."""
    found = [step for call in calls if (step := step_of(call))]
    return tuple(dict.fromkeys(found))


def _of_status(status: dict[str, Any]) -> str:
    job, failure = status.get("job"), status.get("lastFailure")
    if job:
        return "" if job.get("startedAt") else f"attempt {job['attempt']} on record"
    ready = [one["status"] for one in status.get("conditions", []) if one["type"] == "Ready"]
    if ready == ["True"]:
        return "ready"
    return f"failure {failure['attempt']} on record" if failure else ""

"""A scenario with every kind of resource, and the final state of each of them."""

from __future__ import annotations

import urllib.error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shardwright_operator.api.names import ATTEMPT, PLURAL, STAGE
from shardwright_worker.contract.reasons import Reason
from tools.cluster.api import wait_until
from tools.testing.checkpoints import condition, conditions_text
from tools.testing.history_recorder import LABEL, HistoryRecorder
from tools.testing.invariants import is_finished
from tools.testing.namespace import Namespace
from tools.testing.pod_outcomes import RUNNING, SUCCESS, Outcome, failure

# name -> parts of the spec that differ from the default. The outcomes of their pods are below.
RESOURCES: Mapping[str, Mapping[str, Any]] = {
    "good": {},
    "retried": {},
    "failed": {},
    "exhausted": {"job": {"maxAttempts": 2}},
    "changed": {},
    "suspended": {"suspend": True},
    "deleted": {},
}
# (resource, attempt) -> the outcome of its pod; all others succeed.
_OUTCOMES = {
    ("retried", 2): failure(Reason.COMMUNICATION_FAILED, "rank 1 was lost", rank=1),
    ("failed", 1): failure(Reason.SOURCE_INCOMPLETE, "model-00002.safetensors is missing"),
    ("exhausted", 2): failure(Reason.DEVICE_UNAVAILABLE, "no device"),
    ("exhausted", 3): failure(Reason.COMMUNICATION_FAILED, "rank 0 was lost"),
    ("changed", 2): RUNNING,
    ("deleted", 1): RUNNING,
}


def outcome_of(pod: Mapping[str, Any]) -> Outcome:
    """Return the outcome of a pod. A resource's name may have a suffix: retried.3 is like retried."""
    labels = pod["metadata"]["labels"]
    return _OUTCOMES.get((labels[LABEL].partition(".")[0], int(labels[ATTEMPT])), SUCCESS)


@dataclass(frozen=True)
class FinalState:
    """The final state of a resource, without times and names, which differ from run to run."""

    conditions: frozenset[tuple[str, str, str]]
    artifact: str
    last_failure: tuple[str, int, str]
    failed_attempts: tuple[tuple[int, str], ...]
    attempt: int
    jobs: tuple[tuple[int, str], ...]


def run_scenario(
    namespace: Namespace, recorder: HistoryRecorder, resources: Mapping[str, Mapping[str, Any]] = RESOURCES
) -> dict[str, FinalState]:
    """Create the resources, edit and delete some as users do, wait until all are settled, return the final states."""
    for name, spec in resources.items():
        namespace.create(name, **spec)
    edits = {name for name in resources if name.partition(".")[0] in ("changed", "deleted")}

    def settled() -> bool:
        for name in [name for name in edits if _edit_if_due(namespace, recorder, name)]:
            edits.discard(name)
        return not edits and not unsettled(namespace, recorder)

    try:
        wait_until(settled, "every resource settled", 240)
    except Exception as error:
        raise AssertionError(f"{error}: {'; '.join(unsettled(namespace, recorder))}") from error
    return final_states(namespace, recorder)


def unsettled(namespace: Namespace, recorder: HistoryRecorder) -> list[str]:
    """Return the resources and Jobs that have not reached a final state."""
    found = []
    for name, resource in recorder.latest(namespace.name, "resource").items():
        suspended = resource["spec"].get("suspend") and resource["status"].get("observedGeneration", -1) > 0
        final = [condition(resource, kind).get("status") for kind in ("Ready", "Stalled")]
        if "True" not in final and not suspended:
            found.append(f"{name} ({conditions_text(resource)})")
    for name, job in recorder.latest(namespace.name, "job").items():
        if not is_finished(job):
            found.append(f"Job {name} has not finished")
    return found


def final_states(namespace: Namespace, recorder: HistoryRecorder) -> dict[str, FinalState]:
    """Return the state of every resource that exists."""
    jobs = recorder.latest(namespace.name, "job").values()
    return {
        name: _state(resource, [job for job in jobs if job["metadata"]["labels"][LABEL] == name])
        for name, resource in recorder.latest(namespace.name, "resource").items()
    }


def _state(resource: Any, jobs: list[Any]) -> FinalState:
    status = resource["status"]
    failed = status.get("lastFailure", {})
    conditions = ((one["type"], one["status"], one["reason"]) for one in status.get("conditions", []))
    return FinalState(
        conditions=frozenset(conditions),
        artifact=status.get("artifact", {}).get("key", ""),
        last_failure=(failed.get("stage", ""), failed.get("attempt", 0), failed.get("reason", "")),
        failed_attempts=tuple((one["attempt"], one["reason"]) for one in status.get("failedAttempts", [])),
        attempt=status.get("attempt", 0),
        jobs=tuple(sorted((int(job["metadata"]["labels"][ATTEMPT]), job["metadata"]["labels"][STAGE]) for job in jobs)),
    )


def _edit_if_due(namespace: Namespace, recorder: HistoryRecorder, name: str) -> bool:
    """Edit or delete a resource once the Job that this interrupts has a running pod; return whether it was done."""
    attempt = "2" if name.startswith("changed") else "1"
    jobs = recorder.latest(namespace.name, "job").values()
    labels = {LABEL: name, ATTEMPT: attempt}
    if not any(labels.items() <= job["metadata"]["labels"].items() and _has_pod(job) for job in jobs):
        return False
    try:
        if name.startswith("changed"):
            namespace.change(name, engine={"dtype": "bfloat16"})
        else:
            namespace.delete(PLURAL, name)
    except (OSError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code < 500:
            raise
        return False  # the API server is down: retried at the next poll
    return True


def _has_pod(job: Any) -> bool:
    return bool(job.get("status", {}).get("active"))

"""A play with every kind of resource, and the state in which each of them ends."""

from __future__ import annotations

import urllib.error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shardwright_worker.contract.reasons import Reason
from tools.cluster.api import wait_until
from tools.testing.checkpoints import condition, conditions_text
from tools.testing.history_recorder import LABEL, HistoryRecorder
from tools.testing.invariants import ATTEMPT, is_finished
from tools.testing.kubelet import STAGE
from tools.testing.namespace import Namespace
from tools.testing.pod_outcomes import RUNNING, SUCCESS, Outcome, failure

# name -> what its spec has besides the usual. What becomes of their pods is below.
RESOURCES: Mapping[str, Mapping[str, Any]] = {
    "good": {},
    "shaky": {},
    "broken": {},
    "hopeless": {"job": {"maxAttempts": 2}},
    "changed": {},
    "suspended": {"suspend": True},
    "deleted": {},
}
# (resource, attempt) -> the outcome of its pod; all others succeed.
_OUTCOMES = {
    ("shaky", 2): failure(Reason.COMMUNICATION_FAILED, "rank 1 was lost", rank=1),
    ("broken", 1): failure(Reason.SOURCE_INCOMPLETE, "model-00002.safetensors is missing"),
    ("hopeless", 2): failure(Reason.DEVICE_UNAVAILABLE, "no device"),
    ("hopeless", 3): failure(Reason.COMMUNICATION_FAILED, "rank 0 was lost"),
    ("changed", 2): RUNNING,
    ("deleted", 1): RUNNING,
}


def outcome_of(pod: Mapping[str, Any]) -> Outcome:
    """The kubelet's script. Resources of the same kind may have a suffix: shaky.3 is as shaky."""
    labels = pod["metadata"]["labels"]
    return _OUTCOMES.get((labels[LABEL].partition(".")[0], int(labels[ATTEMPT])), SUCCESS)


@dataclass(frozen=True)
class End:
    """How a resource ends, without times and names that are different each time."""

    conditions: frozenset[tuple[str, str, str]]
    artifact: str
    last_failure: tuple[str, int, str]
    attempts: tuple[tuple[int, str], ...]
    attempt: int
    jobs: tuple[tuple[int, str], ...]


def play(
    namespace: Namespace, witness: HistoryRecorder, resources: Mapping[str, Mapping[str, Any]] = RESOURCES
) -> dict[str, End]:
    """Create the resources, do to them what people do, wait until nothing happens any more, and tell how they end."""
    for name, spec in resources.items():
        namespace.create(name, **spec)
    edits = {name for name in resources if name.partition(".")[0] in ("changed", "deleted")}

    def settled() -> bool:
        for name in [name for name in edits if _edit_if_due(namespace, witness, name)]:
            edits.discard(name)
        return not edits and not open_questions(namespace, witness)

    try:
        wait_until(settled, "the end of the play", 240)
    except Exception as error:
        raise AssertionError(f"{error}: {'; '.join(open_questions(namespace, witness))}") from error
    return ends(namespace, witness)


def open_questions(namespace: Namespace, witness: HistoryRecorder) -> list[str]:
    """What keeps the play from being over."""
    questions = []
    for name, resource in witness.latest(namespace.name, "resource").items():
        suspended = resource["spec"].get("suspend") and resource["status"].get("observedGeneration", -1) > 0
        final = [condition(resource, kind).get("status") for kind in ("Ready", "Stalled")]
        if "True" not in final and not suspended:
            questions.append(f"{name} ({conditions_text(resource)})")
    for name, job in witness.latest(namespace.name, "job").items():
        if not is_finished(job):
            questions.append(f"Job {name} lives")
    return questions


def ends(namespace: Namespace, witness: HistoryRecorder) -> dict[str, End]:
    """The state of every resource that is there."""
    jobs = witness.latest(namespace.name, "job").values()
    return {
        name: _end(resource, [job for job in jobs if job["metadata"]["labels"][LABEL] == name])
        for name, resource in witness.latest(namespace.name, "resource").items()
    }


def _end(resource: Any, jobs: list[Any]) -> End:
    status = resource["status"]
    failed = status.get("lastFailure", {})
    conditions = ((one["type"], one["status"], one["reason"]) for one in status.get("conditions", []))
    return End(
        conditions=frozenset(conditions),
        artifact=status.get("artifact", {}).get("key", ""),
        last_failure=(failed.get("stage", ""), failed.get("attempt", 0), failed.get("reason", "")),
        attempts=tuple((one["attempt"], one["reason"]) for one in status.get("failedAttempts", [])),
        attempt=status.get("attempt", 0),
        jobs=tuple(sorted((int(job["metadata"]["labels"][ATTEMPT]), job["metadata"]["labels"][STAGE]) for job in jobs)),
    )


def _edit_if_due(namespace: Namespace, witness: HistoryRecorder, name: str) -> bool:
    """Do to a resource what people do, once the Job that is to be disturbed by it has a running pod."""
    attempt = "2" if name.startswith("changed") else "1"
    jobs = witness.latest(namespace.name, "job").values()
    labels = {LABEL: name, ATTEMPT: attempt}
    running = [job for job in jobs if labels.items() <= job["metadata"]["labels"].items() and _has_pod(job)]
    if not running:
        return False
    try:
        if name.startswith("changed"):
            namespace.change(name, engine={"dtype": "bfloat16"})
        else:
            namespace.delete("shardedcheckpoints", name)
    except (OSError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code < 500:
            raise
        return False  # the API server is away: again at the next look
    return True


def _has_pod(job: Any) -> bool:
    return bool(job.get("status", {}).get("active"))

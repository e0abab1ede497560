"""Outcomes of simulated pods that a test may script, and the pod status of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import Report


@dataclass(frozen=True)
class Outcome:
    """How a pod terminates, or the state that it stays in: `waiting`, `unscheduled` or `running`.

    `sidecar`: exit code of an injected container that has terminated with a message of its own.
    """

    report: Report | None = None
    exit_code: int = 0
    message: str | None = None
    terminated_reason: str = ""
    disruption: str = ""
    waiting: tuple[str, str] | None = None
    unscheduled: str = ""
    running: bool = False
    sidecar: int | None = None

    @property
    def final(self) -> bool:
        """Whether the pod terminates."""
        return not (self.waiting or self.unscheduled or self.running)


SUCCESS = Outcome()  # with the report of the simulated worker
RUNNING = Outcome(running=True)


def failure(reason: Reason, message: str, rank: int | None = None) -> Outcome:
    """Return the outcome of a worker that reports a failure."""
    exit_code = MEANINGS[reason].exit_code
    assert exit_code is not None, f"{reason} is not a reason that a worker reports"
    report = Report(stage="", succeeded=False, reason=reason, message=message, rank=rank, exit_code=exit_code)
    return Outcome(report=report, exit_code=exit_code)


def silent(exit_code: int, terminated_reason: str = "Error", message: str = "") -> Outcome:
    """Return the outcome of a container that terminates without a report."""
    return Outcome(exit_code=exit_code, message=message, terminated_reason=terminated_reason)


def out_of_memory() -> Outcome:
    """Return the outcome of a container that the kernel kills for its use of memory."""
    return silent(137, "OOMKilled")


def disrupted(reason: str = "EvictionByEvictionAPI") -> Outcome:
    """Return the outcome of a pod that is evicted: the condition DisruptionTarget, and a worker that reports SIGTERM.

    https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
    """
    report = Report(stage="", succeeded=False, reason=Reason.DISRUPTED, message="Stopped by SIGTERM.", exit_code=70)
    return Outcome(report=report, exit_code=70, disruption=reason)


def waiting(reason: str, message: str = "") -> Outcome:
    """Return the outcome of a container that cannot start, for example with ImagePullBackOff."""
    return Outcome(waiting=(reason, message))


def unscheduled(message: str) -> Outcome:
    """Return the outcome of a pod that fits no node."""
    return Outcome(unscheduled=message)


def status_of(pod: Mapping[str, Any], outcome: Outcome, stage: str) -> dict[str, Any]:
    """Return the pod status that a kubelet writes for this outcome."""
    if outcome.unscheduled:
        scheduled = _condition("PodScheduled", "False", "Unschedulable", outcome.unscheduled)
        return {"phase": "Pending", "conditions": [scheduled]}
    conditions = [_condition("PodScheduled", "True")]
    if outcome.disruption:
        conditions.append(_condition("DisruptionTarget", "True", outcome.disruption, "simulated"))
    phase = "Pending" if outcome.waiting else "Running" if outcome.running else "Failed"
    if outcome.final and outcome.exit_code == 0:
        phase = "Succeeded"
    started = pod.get("status", {}).get("startTime") or _now()
    containers = [_container(one, outcome, stage, started) for one in pod["spec"]["containers"]]
    if outcome.sidecar is not None:
        sidecar = Outcome(exit_code=outcome.sidecar, message="message of a sidecar")
        containers = [_container({"name": "a-sidecar"}, sidecar, stage, started), *containers]
    return {"phase": phase, "startTime": started, "conditions": conditions, "containerStatuses": containers}


def _container(container: Mapping[str, Any], outcome: Outcome, stage: str, started: str) -> dict[str, Any]:
    image = container.get("image", "")
    common = {"name": container["name"], "image": image, "imageID": image, "restartCount": 0}
    if outcome.waiting:
        reason, message = outcome.waiting
        return {**common, "ready": False, "state": {"waiting": {"reason": reason, "message": message}}}
    if outcome.running:
        return {**common, "ready": True, "state": {"running": {"startedAt": started}}}
    terminated = {
        "exitCode": outcome.exit_code,
        "reason": outcome.terminated_reason or ("Completed" if outcome.exit_code == 0 else "Error"),
        "message": _message(outcome, stage),
        "startedAt": started,
        "finishedAt": _now(),
    }
    return {**common, "ready": False, "state": {"terminated": terminated}}


def _message(outcome: Outcome, stage: str) -> str:
    if outcome.message is not None:
        return outcome.message
    if outcome.report is None:
        return ""
    return outcome.report.model_copy(update={"stage": stage.capitalize()}).to_text()


def _condition(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, str]:
    fields = {"type": kind, "status": status, "lastTransitionTime": _now(), "reason": reason, "message": message}
    return {name: value for name, value in fields.items() if value}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

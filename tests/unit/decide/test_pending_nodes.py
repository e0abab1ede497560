"""Nodes that stop reporting, as the node lifecycle controller shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shardwright_operator.decide.observed import Job
from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.api_pods import STARTED, api_pod
from tools.testing.fake_namespace import FakeNamespace


def _silent(**metadata: Any) -> tuple[FakeNamespace, Job]:
    """A pod on a node whose kubelet has stopped, as the node lifecycle controller leaves it."""
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    conditions = [
        {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:45Z"},
        {"type": "ContainersReady", "status": "True"},
        {"type": "PodScheduled", "status": "True"},
    ]
    state = [{"name": "worker", "ready": True, "state": {"running": {"startedAt": STARTED}}}]
    namespace.pods[job.name] = api_pod(
        job, phase="Running", conditions=conditions, containerStatuses=state, metadata=metadata
    )
    return namespace, job


def test_an_unreachable_node_is_named() -> None:
    namespace, _ = _silent()
    plan = namespace.settle()
    assert namespace.ready() == ("False", Reason.NODE_UNREACHABLE)
    assert "node-7" in namespace.message()
    assert namespace.status.condition("Reconciling") is not None
    assert not plan.actions
    assert ("Warning", Reason.NODE_UNREACHABLE) in namespace.events


def test_a_pod_whose_deletion_waits_for_an_unreachable_node_says_so() -> None:
    namespace, _ = _silent(deletionTimestamp="2026-01-01T00:05:45Z")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.NODE_UNREACHABLE)
    assert "is being deleted, and replaced" in namespace.message()


def test_a_node_that_reports_again_is_not_shown() -> None:
    namespace, job = _silent()
    namespace.settle()
    namespace.pods[job.name] = replace(namespace.pods[job.name], unreachable_since=None)
    namespace.run_to_ready()


@pytest.mark.parametrize(
    "conditions",
    [
        [
            {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": STARTED},
            {"type": "ContainersReady", "status": "False", "reason": "ContainersNotReady"},
        ],
        [
            {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady", "lastTransitionTime": STARTED},
            {"type": "ContainersReady", "status": "True"},
        ],
        [{"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"}],
    ],
)
def test_a_pod_that_its_own_kubelet_calls_not_ready_is_not_lost(conditions: list[dict[str, Any]]) -> None:
    namespace, job = _silent()
    state = [{"name": "worker", "state": {"running": {"startedAt": STARTED}}}]
    namespace.pods[job.name] = api_pod(job, phase="Running", conditions=conditions, containerStatuses=state)
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING)

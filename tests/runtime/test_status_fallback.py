"""Statuses that the API server rejects: one that it accepts is written, and no attempt is lost."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shardwright_operator.api.maintenance_status import Maintenance
from shardwright_operator.api.status import AcceleratorTime, Durations, ProgressStatus, Status
from shardwright_operator.decide.observed import Pod
from shardwright_operator.decide.plan import Plan
from shardwright_operator.kube.errors import Invalid
from shardwright_operator.kube.status_fallback import minimal_status
from tests.runtime.replica import Replica
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.namespace import Namespace

_ANOTHER_TYPE: dict[str, Any] = {"blocked_reason": ["b"]}
REJECTED: dict[str, dict[str, Any]] = {
    "too large to be a number": {"duration_seconds": Durations.model_construct(load=10**400)},
    "infinite": {"duration_seconds": Durations.model_construct(load=math.inf)},
    "not a number": {"duration_seconds": Durations.model_construct(load=math.nan)},
    "too many bytes": {"progress": ProgressStatus.model_construct(stage="Saving", bytes_done=10**30)},
    "of another type": {"maintenance": Maintenance.model_construct(**_ANOTHER_TYPE)},
    "too long": {"maintenance": Maintenance.model_construct(blocked_reason="b" * 8_000_000)},
}


def _forced(status: Status, update: dict[str, Any]) -> Status:
    """Return a status that its own types do not allow."""
    return Status.model_construct(**{**status.__dict__, **update})


@pytest.fixture(params=REJECTED)
def absurd(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A part of a status that the API server rejects."""
    return REJECTED[request.param]


async def test_a_rejected_status_is_replaced_by_one_that_is_accepted(
    replica: Replica, namespace: Namespace, absurd: dict[str, Any]
) -> None:
    await replica.reconcile()
    await replica.reconcile()
    (job,) = namespace.jobs("model")
    observed = await replica.observe()
    done = await replica.executor.execute(observed, Plan(_forced(observed.resource.status, absurd)))
    assert done.wrote_status
    status = namespace.read("model")["status"]
    assert (status["job"]["name"], status["attempt"]) == (job["metadata"]["name"], 1)
    assert "lastFailure" not in status, "the Job has not ended"


async def test_an_attempt_whose_report_leads_to_a_rejected_status_counts(
    replica: Replica, namespace: Namespace, absurd: dict[str, Any]
) -> None:
    await replica.reconcile()
    await replica.reconcile()
    observed = await replica.observe()
    (job,) = observed.jobs
    now = datetime.now(UTC)
    pod = Pod("p", "u", job.name, "Succeeded", now, exit_code=0, termination_message="{}")
    ended = replace(observed, jobs=(replace(job, complete=True, finished_at=now),), pods=(pod,))
    success = _forced(ended.resource.status, {"job": None, **absurd})
    await replica.executor.execute(ended, Plan(success))
    status = namespace.read("model")["status"]
    assert status["attempt"] == 1
    assert "job" not in status
    assert status["retry"]["failures"] == 1
    assert status["lastFailure"]["reason"] == "WorkerProtocolError"
    assert "the API server rejects the status that its report leads to" in status["lastFailure"]["message"]
    assert len(status["lastFailure"]["message"]) < 1000


async def test_a_minimal_status_keeps_the_job_and_the_count(replica: Replica, namespace: Namespace) -> None:
    for _ in range(3):
        await replica.reconcile()
    observed = await replica.observe()
    before = observed.resource.status
    assert before.job is not None
    absurd = REJECTED["infinite"]
    resource = replace(observed.resource, status=_forced(before, absurd))
    plan = Plan(_forced(before, {**absurd, "conditions": []}))
    with pytest.raises(Invalid):  # so that it is retried with backoff
        await replica.executor.execute(replace(observed, resource=resource), plan)
    status = Status.model_validate(namespace.read("model")["status"])
    ready = status.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("False", "WorkerProtocolError")
    assert "The API server rejects the status: " in ready.message
    assert (status.attempt, status.job and status.job.name) == (before.attempt, before.job.name)
    assert len(namespace.jobs("model")) == 1


def test_a_minimal_status_keeps_the_accelerator_time() -> None:
    namespace = FakeNamespace()
    held = AcceleratorTime(held_seconds=60.0, counted_until=namespace.now)
    error = Invalid(422, "Invalid", "no", "PATCH")
    status = minimal_status(namespace.now, namespace.observed(), Status(accelerator_time=held), error)
    assert status.accelerator_time == held

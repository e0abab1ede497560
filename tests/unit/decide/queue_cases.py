"""A live Job of either stage, and a queue that suspends it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shardwright_operator.decide.observed import Job
from tools.testing.fake_namespace import FakeNamespace

STAGES = pytest.mark.parametrize("stage", ["prepare", "shard"])


def job_at(stage: str, **parts: Any) -> tuple[FakeNamespace, Job]:
    """Return a namespace whose Job of this stage is live, and the Job."""
    namespace = FakeNamespace(**parts)
    namespace.settle()
    if stage == "shard":
        namespace.succeed()
        namespace.settle()
    (job,) = namespace.live_jobs()
    assert f"-{stage}-" in job.name
    return namespace, job


def suspend_by_queue(namespace: FakeNamespace, job: Job) -> None:
    """A queue suspends the Job, as a webhook or a controller does: without a mark of the operator."""
    namespace.jobs[job.name] = replace(namespace.jobs[job.name], suspended=True)

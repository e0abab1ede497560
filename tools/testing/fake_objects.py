"""Builders of the observed objects that decision tests start from: a spec, a claim, a waiting pod."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from shardwright_operator.decide.observed import Claim, Config, Job, Pod

START = datetime(2026, 1, 1, tzinfo=UTC)
CONFIG = Config("engine:1", "prepare:1", retry_base=10.0, retry_cap=600.0, progress_interval=5.0)
DEFAULT_SPEC: dict[str, Any] = {
    "source": {"persistentVolumeClaim": {"claimName": "models", "path": "llama"}},
    "engine": {"tensorParallelSize": 2},
    "output": {"persistentVolumeClaim": {"claimName": "shards"}},
}


def spec_of(**parts: Any) -> dict[str, Any]:
    """Return the default spec with whole parts replaced."""
    return {**DEFAULT_SPEC, **parts}


def claim(name: str, uid: str = "", **facts: Any) -> Claim:
    """Return a bound claim with access mode ReadWriteMany."""
    return Claim(name, uid or f"uid-{name}", "Bound", ("ReadWriteMany",), **facts)


def pod(job: Job, now: datetime) -> Pod:
    """Return the pending pod of a Job."""
    return Pod(name=job.name, uid=f"uid-pod-{job.name}", job_name=job.name, phase="Pending", created_at=now)

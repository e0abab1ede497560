"""Job requests for tests of the builders: the resource models/llama, attempt 3."""

from __future__ import annotations

from typing import Any

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import ResolvedSource
from shardwright_operator.decide.job_request import JobFacts, PrepareJobRequest, ShardJobRequest

SOURCE = ResolvedSource(digest="d1", revision="r1", path=".sources/d1", volume="output", key="0123456789abcdef")


def facts_of(stage: str, namespace: str = "models", name: str = "llama") -> JobFacts:
    """Return what the Job's name and labels say."""
    job = f"{name}-{stage.lower()}-00000000-3"
    return JobFacts(namespace, name, "uid-1", job, stage, 3, inputs="abcdef01", template="01234567")


def prepare_request(spec: Spec, facts: JobFacts | None = None, **parts: Any) -> PrepareJobRequest:
    """Return the request for a prepare Job; `parts` are further fields of it."""
    return PrepareJobRequest(facts or facts_of("Prepare"), spec, "engine:1", "prepare:1", **parts)


def shard_request(spec: Spec, facts: JobFacts | None = None, source: ResolvedSource = SOURCE) -> ShardJobRequest:
    """Return the request for a shard Job."""
    return ShardJobRequest(facts or facts_of("Shard"), spec, "engine:1", source)

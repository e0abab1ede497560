"""Creates many resources, and records when each had its first Job and when it was Ready."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.operator.http_client import Client, for_all
from shardwright_operator.api.names import CHECKPOINT
from shardwright_operator.kube.kinds import CHECKPOINTS, JOBS
from tools.testing.checkpoints import holds, manifest


@dataclass
class Timeline:
    """Seconds on a monotonic clock, by resource."""

    created: dict[str, float] = field(default_factory=dict)
    job: dict[str, float] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Seconds from the first creation until all were Ready."""
        return max(self.ready.values()) - min(self.created.values())

    def until(self, then: dict[str, float], names: Sequence[str]) -> list[float]:
        """Return the seconds that each of these took from its creation, sorted."""
        return sorted(then[name] - self.created[name] for name in names)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile of sorted values."""
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def run_load(
    kubeconfig: Path, namespace: str, names: Sequence[str], expected: Sequence[str], per_second: float = 0.0
) -> Timeline:
    """Create resources with these names, at once or at a rate, and wait until those of `expected` are Ready."""
    return asyncio.run(_run_load(kubeconfig, namespace, names, set(expected), per_second))


async def _run_load(
    kubeconfig: Path, namespace: str, names: Sequence[str], expected: set[str], per_second: float
) -> Timeline:
    timeline = Timeline()
    async with Client(kubeconfig) as client, asyncio.timeout(60 + len(names)):
        path = CHECKPOINTS.path(namespace)

        async def create(name: str) -> None:
            timeline.created[name] = time.monotonic()
            await client.request("POST", path, manifest(name))

        async def follow_jobs() -> None:
            async for event in client.watch(JOBS.path(namespace)):
                name = event["object"]["metadata"]["labels"][CHECKPOINT]
                timeline.job.setdefault(name, time.monotonic())

        async def follow_resources() -> None:
            async for event in client.watch(path):
                name = event["object"]["metadata"]["name"]
                if name not in timeline.ready and holds(event["object"], "Ready"):
                    timeline.ready[name] = time.monotonic()
                    if expected <= timeline.ready.keys():
                        return

        jobs, resources = asyncio.create_task(follow_jobs()), asyncio.create_task(follow_resources())
        if per_second:
            await _paced(names, create, per_second)
        else:
            await for_all(names, create)
        await resources
        jobs.cancel()
    return timeline


async def _paced(names: Sequence[str], create: Any, per_second: float) -> None:
    begin = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number, name in enumerate(names):
            await asyncio.sleep(begin + number / per_second - time.monotonic())
            group.create_task(create(name))

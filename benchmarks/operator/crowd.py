"""Creates many resources and tells when each had its first Job and when it was Ready."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.operator.calls import Calls, all_at_once
from shardwright_operator.api.names import CHECKPOINT
from shardwright_operator.kube.kinds import CHECKPOINTS, JOBS
from tools.testing.checkpoints import holds, manifest


@dataclass
class Moments:
    """Seconds on one clock, by resource."""

    created: dict[str, float] = field(default_factory=dict)
    job: dict[str, float] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)

    @property
    def whole(self) -> float:
        """From the first creation until all were Ready."""
        return max(self.ready.values()) - min(self.created.values())

    def until(self, then: dict[str, float], names: Sequence[str]) -> list[float]:
        """How long each of them took, the quickest first."""
        return sorted(then[name] - self.created[name] for name in names)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed; `values` are sorted."""
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def play(
    kubeconfig: Path, namespace: str, names: Sequence[str], wanted: Sequence[str], a_second: float = 0.0
) -> Moments:
    """Create resources with these names, at once or so many a second, and wait until the wanted ones are Ready."""
    return asyncio.run(_play(kubeconfig, namespace, names, set(wanted), a_second))


async def _play(kubeconfig: Path, namespace: str, names: Sequence[str], wanted: set[str], a_second: float) -> Moments:
    moments = Moments()
    async with Calls(kubeconfig) as calls, asyncio.timeout(60 + len(names)):
        path = CHECKPOINTS.path(namespace)

        async def create(name: str) -> None:
            moments.created[name] = time.monotonic()
            await calls.call("POST", path, manifest(name))

        async def follow_jobs() -> None:
            async for event in calls.watch(JOBS.path(namespace)):
                name = event["object"]["metadata"]["labels"][CHECKPOINT]
                moments.job.setdefault(name, time.monotonic())

        async def follow_resources() -> None:
            async for event in calls.watch(path):
                name = event["object"]["metadata"]["name"]
                if name not in moments.ready and holds(event["object"], "Ready"):
                    moments.ready[name] = time.monotonic()
                    if wanted <= moments.ready.keys():
                        return

        jobs, resources = asyncio.create_task(follow_jobs()), asyncio.create_task(follow_resources())
        if a_second:
            await _paced(names, create, a_second)
        else:
            await all_at_once(names, create)
        await resources
        jobs.cancel()
    return moments


async def _paced(names: Sequence[str], create: Any, a_second: float) -> None:
    begin = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number, name in enumerate(names):
            await asyncio.sleep(begin + number / a_second - time.monotonic())
            group.create_task(create(name))

"""`python -m benchmarks.operator.baseline_client KUBECONFIG WRITES`: makes the recorded writes and nothing else.

For each resource it creates the Jobs and applies the statuses that the operator wrote for another one. It has no cache,
reads nothing, decides nothing and verifies nothing: no operator can be faster.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.operator.http_client import APPLY, Client
from benchmarks.operator.recorded_writes import RecordedWrites, load
from shardwright_operator.kube.kinds import CHECKPOINTS, JOBS
from tools.testing.invariants import is_finished


class BaselineClient:
    """The client, for all resources of a cluster."""

    def __init__(self, client: Client, writes: RecordedWrites) -> None:
        self._client, self._writes = client, writes
        self._seen: set[str] = set()
        self._finished: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def run(self) -> None:
        """Serve every present and future resource, without end."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_jobs())
            async for event in self._client.watch(CHECKPOINTS.path(None)):
                uid = event["object"]["metadata"]["uid"]
                if uid not in self._seen:
                    self._seen.add(uid)
                    group.create_task(self._serve(event["object"]))

    async def _follow_jobs(self) -> None:
        async for event in self._client.watch(JOBS.path(None)):
            if is_finished(event["object"]):
                self._finished[event["object"]["metadata"]["name"]].set()

    async def _serve(self, resource: Any) -> None:
        namespace, name = resource["metadata"]["namespace"], resource["metadata"]["name"]
        path = f"{CHECKPOINTS.path(namespace, name, 'status')}?fieldManager=baseline&force=true"
        for write in self._writes.writes:
            body = write.of(resource)
            if write.job:
                await self._client.request("POST", JOBS.path(namespace), body)
                await self._finished[body["metadata"]["name"]].wait()
            else:
                await self._client.request("PATCH", path, body, APPLY)


async def _main(kubeconfig: str, writes: str) -> None:
    async with Client(Path(kubeconfig)) as client:
        await client.request("GET", CHECKPOINTS.path(None))
        print("ready", flush=True)
        await BaselineClient(client, load(Path(writes))).run()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))

"""`python -m benchmarks.operator.bare KUBECONFIG LIFE`: the ceiling: the same writes and nothing else.

For each resource the same Jobs and statuses as the operator wrote for another one. It keeps no cache, reads nothing,
decides nothing, checks nothing, and is of no use to anybody.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.operator.calls import APPLY, Calls
from benchmarks.operator.life import Life, load
from shardwright_operator.kube.kinds import CHECKPOINTS, JOBS
from tools.testing.invariants import is_finished


class Bare:
    """The client."""

    def __init__(self, calls: Calls, life: Life) -> None:
        self._calls, self._life = calls, life
        self._seen: set[str] = set()
        self._ended: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def run(self) -> None:
        """Serve every resource there is or comes, without an end."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_jobs())
            async for event in self._calls.watch(CHECKPOINTS.path(None)):
                uid = event["object"]["metadata"]["uid"]
                if uid not in self._seen:
                    self._seen.add(uid)
                    group.create_task(self._serve(event["object"]))

    async def _follow_jobs(self) -> None:
        async for event in self._calls.watch(JOBS.path(None)):
            if is_finished(event["object"]):
                self._ended[event["object"]["metadata"]["name"]].set()

    async def _serve(self, resource: Any) -> None:
        namespace, name = resource["metadata"]["namespace"], resource["metadata"]["name"]
        path = f"{CHECKPOINTS.path(namespace, name, 'status')}?fieldManager=bare&force=true"
        for write in self._life.writes:
            body = write.of(resource)
            if write.job:
                await self._calls.call("POST", JOBS.path(namespace), body)
                await self._ended[body["metadata"]["name"]].wait()
            else:
                await self._calls.call("PATCH", path, body, APPLY)


async def _main(kubeconfig: str, life: str) -> None:
    async with Calls(Path(kubeconfig)) as calls:
        await calls.call("GET", CHECKPOINTS.path(None))
        print("ready", flush=True)
        await Bare(calls, load(Path(life))).run()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))

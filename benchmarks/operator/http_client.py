"""A minimal client of the API server for benchmarks: persistent connections, no retries, no cache."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from shardwright_operator.kube.credentials import load_credentials

APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"


class Client:
    """The client; an asynchronous context manager."""

    def __init__(self, kubeconfig: Path) -> None:
        credentials = load_credentials(str(kubeconfig))
        self._connector = aiohttp.TCPConnector(limit=64, ssl=credentials.ssl_context())
        self._server, self._headers = credentials.server, {"Authorization": f"Bearer {credentials.token()}"}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(connector=self._connector, headers=self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._session.close()

    async def request(self, method: str, path: str, body: object = None, content: str = "application/json") -> Any:
        """Send one request, and return the response as JSON.

        Raises:
            RuntimeError: the API server rejected it.
        """
        data, headers = json.dumps(body).encode(), {"Content-Type": content}
        async with self._session.request(method, self._server + path, data=data, headers=headers) as answer:
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {(await answer.text())[:400]}")
            return await answer.json()

    async def watch(self, path: str) -> AsyncIterator[Any]:
        """Yield ADDED for every object of a collection, then its events; a watch that ends is started again."""
        while True:
            timeout, url = aiohttp.ClientTimeout(total=None), f"{self._server}{path}?watch=true"
            async with self._session.get(url, timeout=timeout, read_bufsize=2**22) as answer:
                if answer.status != 200:
                    raise RuntimeError(f"watch {path}: {answer.status} {(await answer.text())[:400]}")
                rest = b""
                async for piece in answer.content.iter_any():
                    *lines, rest = (rest + piece).split(b"\n")
                    for event in map(json.loads, lines):
                        if event["type"] == "ERROR":
                            raise RuntimeError(f"watch {path}: {event['object'].get('message')}")
                        yield event


async def for_all(things: Iterable[Any], do: Callable[[Any], Awaitable[object]], workers: int = 32) -> None:
    """Call a function with every thing, `workers` at a time."""
    remaining = iter(things)

    async def work() -> None:
        for thing in remaining:
            await do(thing)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())

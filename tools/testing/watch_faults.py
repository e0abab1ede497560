"""Faults of watches: events that are repeated, dropped, malformed or cut, errors in the stream, streams that stall."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from tools.testing.faults import Exchange, status_of


@dataclass(frozen=True)
class DuplicateEvents:
    """Every event of the watch arrives twice."""

    async def inject(self, exchange: Exchange) -> None:
        """Forward the watch."""

        async def twice(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            async for line in lines:
                yield line
                yield line

        await exchange.relay(twice, abort=False)


@dataclass(frozen=True)
class MalformedObjects:
    """These objects are inserted between the events of a watch, and before and after the items of a list."""

    objects: Sequence[Any]

    async def inject(self, exchange: Exchange) -> None:
        """Forward the watch or the list."""
        if exchange.request.verb == "watch":
            await exchange.relay(self._in_watch, abort=False)
        else:
            await exchange.forward()
            await exchange.respond(self._in_list)

    async def _in_watch(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for line in lines:
            for one in self.objects:
                yield json.dumps({"type": "MODIFIED", "object": one}).encode() + b"\n"
            yield line

    def _in_list(self, body: bytes) -> bytes:
        page = json.loads(body)
        return json.dumps({**page, "items": [*self.objects, *page["items"], *self.objects]}).encode()


@dataclass(frozen=True)
class DropEvents:
    """Every `every`th event of the watch is dropped; of one type, if given."""

    every: int = 2
    type: str = ""

    async def inject(self, exchange: Exchange) -> None:
        """Forward the rest of the watch."""

        async def some(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            number = 0
            async for line in lines:
                counts = not is_bookmark(line) and f'"type":"{self.type}'.encode() in line[:40]
                number += counts
                if not counts or number % self.every:
                    yield line

        await exchange.relay(some, abort=False)


@dataclass(frozen=True)
class WatchError:
    """After this number of events the watch delivers an ERROR event and ends, as with an expired version (410).

    https://kubernetes.io/docs/reference/using-api/api-concepts/#410-gone-responses
    """

    code: int
    events: int = 3

    async def inject(self, exchange: Exchange) -> None:
        """Forward the watch up to the error."""

        async def until(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            async for line in first(lines, self.events):
                yield line
            yield json.dumps({"type": "ERROR", "object": status_of(self.code)}).encode() + b"\n"

        await exchange.relay(until, abort=False)


@dataclass(frozen=True)
class TruncatedWatch:
    """After this number of events the connection breaks in the middle of the next."""

    events: int = 3

    async def inject(self, exchange: Exchange) -> None:
        """Forward the watch up to the break."""

        async def until(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            number = 0
            async for line in lines:
                number += not is_bookmark(line)
                if number > self.events:
                    yield line[: len(line) // 2]
                    return
                yield line

        await exchange.relay(until, abort=True)


@dataclass(frozen=True)
class StalledWatch:
    """After this number of events the watch stays open and delivers nothing, not even a bookmark."""

    events: int = 3

    async def inject(self, exchange: Exchange) -> None:
        """Forward the watch up to where it stalls."""

        async def until(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            async for line in first(lines, self.events):
                yield line
            await asyncio.Event().wait()

        await exchange.relay(until, abort=False)


async def first(lines: AsyncIterator[bytes], events: int) -> AsyncIterator[bytes]:
    """Yield the lines up to this number of events, without waiting for another."""
    number = 0
    while number < events:
        line = await anext(lines, None)
        if line is None:
            return
        number += not is_bookmark(line)
        yield line


def is_bookmark(line: bytes) -> bool:
    """Return whether this line of a watch is a bookmark.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks
    """
    return b'"type":"BOOKMARK"' in line[:40]

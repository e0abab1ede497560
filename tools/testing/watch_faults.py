"""Faults of watches: events that are repeated, dropped, malformed or cut, errors in the stream, streams that stall."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tools.testing.faults import Exchange, status_of


class WatchFault(ABC):
    """A fault that changes the lines of a watch. `aborts`: the connection is aborted at their end."""

    aborts: ClassVar[bool] = False

    async def inject(self, exchange: Exchange) -> None:
        """Forward the watch with its lines changed."""
        await exchange.relay(self.change, self.aborts)

    @abstractmethod
    def change(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the lines that the client receives."""


@dataclass(frozen=True)
class DuplicateEvents(WatchFault):
    """Every event of the watch arrives twice."""

    async def change(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield every line twice."""
        async for line in lines:
            yield line
            yield line


@dataclass(frozen=True)
class MalformedObjects(WatchFault):
    """These objects are inserted between the events of a watch, and before and after the items of a list."""

    objects: Sequence[Any]

    async def inject(self, exchange: Exchange) -> None:
        """Forward the watch or the list."""
        if exchange.request.verb == "watch":
            await super().inject(exchange)
        else:
            await exchange.forward()
            await exchange.respond(self._in_list)

    async def change(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield an event for each object before every line."""
        async for line in lines:
            for one in self.objects:
                yield json.dumps({"type": "MODIFIED", "object": one}).encode() + b"\n"
            yield line

    def _in_list(self, body: bytes) -> bytes:
        page = json.loads(body)
        return json.dumps({**page, "items": [*self.objects, *page["items"], *self.objects]}).encode()


@dataclass(frozen=True)
class DropEvents(WatchFault):
    """Every `every`th event of the watch is dropped; of one type, if given."""

    every: int = 2
    type: str = ""

    async def change(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the lines that are not dropped."""
        number = 0
        async for line in lines:
            counts = not is_bookmark(line) and f'"type":"{self.type}'.encode() in line[:40]
            number += counts
            if not counts or number % self.every:
                yield line


@dataclass(frozen=True)
class WatchError(WatchFault):
    """After this number of events the watch delivers an ERROR event and ends, as with an expired version (410).

    https://kubernetes.io/docs/reference/using-api/api-concepts/#410-gone-responses
    """

    code: int
    events: int = 3

    async def change(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the first lines and the error."""
        async for line in first(lines, self.events):
            yield line
        yield json.dumps({"type": "ERROR", "object": status_of(self.code)}).encode() + b"\n"


@dataclass(frozen=True)
class TruncatedWatch(WatchFault):
    """After this number of events the connection breaks in the middle of the next."""

    aborts: ClassVar[bool] = True
    events: int = 3

    async def change(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the first lines and half of the next."""
        number = 0
        async for line in lines:
            number += not is_bookmark(line)
            if number > self.events:
                yield line[: len(line) // 2]
                return
            yield line


@dataclass(frozen=True)
class StalledWatch(WatchFault):
    """After this number of events the watch stays open and delivers nothing, not even a bookmark."""

    events: int = 3

    async def change(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the first lines, then nothing."""
        async for line in first(lines, self.events):
            yield line
        await asyncio.Event().wait()


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

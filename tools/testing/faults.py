"""What can go wrong between a client and the API server: faults, and the rules that say which calls they hit."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tools.testing.api_requests import ApiRequest

_READS = ("get", "list", "watch")
_REASONS = {403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired", 429: "TooManyRequests"}


class Exchange(Protocol):
    """One request on its way through the proxy, as a fault sees it."""

    call: ApiRequest

    async def forward(self) -> None:
        """Let the API server answer, and keep its answer."""

    async def answer(self, change: Callable[[bytes], bytes] = bytes) -> None:
        """Give the client the kept answer, changed."""

    async def reply(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Answer the client without the API server."""

    async def relay(self, change: Lines, abort: bool) -> None:
        """Pass a watch on, its lines changed; at their end break the connection off, or end it well."""

    def hang_up(self) -> None:
        """Break the client's connection off."""


Lines = Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]]


class Fault(Protocol):
    """Something that happens to a call."""

    async def happen(self, exchange: Exchange) -> None:
        """Do it."""


@dataclass(frozen=True)
class Refusal:
    """The answer is an error; the API server never hears of the call. With `page` it is no Status but a web page."""

    code: int
    retry_after: int | None = None
    page: str = ""

    async def happen(self, exchange: Exchange) -> None:
        """Answer."""
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": self.code}
        status |= {"reason": _REASONS.get(self.code, "InternalError"), "message": f"simulated {self.code}"}
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        await exchange.reply(self.code, self.page.encode() or json.dumps(status).encode(), headers)


@dataclass(frozen=True)
class Lost:
    """The call takes effect, and the connection breaks before the answer."""

    async def happen(self, exchange: Exchange) -> None:
        """Forward, and tell nobody."""
        await exchange.forward()
        exchange.hang_up()


@dataclass(frozen=True)
class Slow:
    """The call takes effect late (`before`), or its answer comes late (`after`), in seconds."""

    before: float = 0.0
    after: float = 0.0

    async def happen(self, exchange: Exchange) -> None:
        """Take time."""
        await asyncio.sleep(self.before)
        await exchange.forward()
        await asyncio.sleep(self.after)
        await exchange.answer()


@dataclass(frozen=True)
class Crash:
    """The client is to be killed before the call reaches the API server, or after it took effect.

    `kill` only asks for it: the client hears nothing more until it is dead.
    """

    kill: Callable[[], None]
    after: bool = False

    async def happen(self, exchange: Exchange) -> None:
        """Have it killed."""
        if self.after:
            await exchange.forward()
        self.kill()
        await asyncio.Event().wait()


@dataclass(frozen=True)
class Duplicate:
    """Every event of the watch comes twice."""

    async def happen(self, exchange: Exchange) -> None:
        """Pass the watch on."""

        async def twice(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            async for line in lines:
                yield line
                yield line

        await exchange.relay(twice, abort=False)


@dataclass(frozen=True)
class Odd:
    """Objects of impossible shapes stand before, between and behind what a watch or a list tells."""

    objects: Sequence[Any]

    async def happen(self, exchange: Exchange) -> None:
        """Pass the watch or the list on."""
        if exchange.call.verb == "watch":
            await exchange.relay(self._among, abort=False)
        else:
            await exchange.forward()
            await exchange.answer(self._beside)

    async def _among(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for line in lines:
            for one in self.objects:
                yield json.dumps({"type": "MODIFIED", "object": one}).encode() + b"\n"
            yield line

    def _beside(self, body: bytes) -> bytes:
        page = json.loads(body)
        return json.dumps({**page, "items": [*self.objects, *page["items"], *self.objects]}).encode()


@dataclass(frozen=True)
class Drop:
    """Of the watch's events (of one type, if given), every `every`th does not come."""

    every: int = 2
    type: str = ""

    async def happen(self, exchange: Exchange) -> None:
        """Pass the watch on."""

        async def some(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            number = 0
            async for line in lines:
                meant = not is_bookmark(line) and f'"type":"{self.type}'.encode() in line[:40]
                number += meant
                if not meant or number % self.every:
                    yield line

        await exchange.relay(some, abort=False)


@dataclass(frozen=True)
class StreamError:
    """After so many events the watch tells of an error and ends, as with an expired version (410)."""

    code: int
    events: int = 3

    async def happen(self, exchange: Exchange) -> None:
        """Pass the watch on up to there."""

        async def until(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            async for line in first(lines, self.events):
                yield line
            reason = _REASONS.get(self.code, "InternalError")
            status = {
                "kind": "Status",
                "status": "Failure",
                "code": self.code,
                "reason": reason,
                "message": "simulated",
            }
            yield json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"

        await exchange.relay(until, abort=False)


@dataclass(frozen=True)
class Cut:
    """After so many events the watch breaks off in the middle of the next."""

    events: int = 3

    async def happen(self, exchange: Exchange) -> None:
        """Pass the watch on up to there."""

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
class Silence:
    """After so many events the watch stays open and tells nothing more, not even a bookmark."""

    events: int = 3

    async def happen(self, exchange: Exchange) -> None:
        """Pass the watch on up to there."""

        async def until(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            async for line in first(lines, self.events):
                yield line
            await asyncio.Event().wait()

        await exchange.relay(until, abort=False)


async def first(lines: AsyncIterator[bytes], events: int) -> AsyncIterator[bytes]:
    """The lines with the first so many events, without waiting for another."""
    number = 0
    while number < events:
        line = await anext(lines, None)
        if line is None:
            return
        number += not is_bookmark(line)
        yield line


def is_bookmark(line: bytes) -> bool:
    """Whether this line of a watch carries no event."""
    return b'"type":"BOOKMARK"' in line[:40]


@dataclass
class Rule:
    """A fault for calls of a verb (or `*`, `read`, `write`) whose place matches: from the `nth` on, every `every`th.

    It ends after it has hit `times` calls. `when` may look closer at a call.
    """

    verb: str
    path: str
    fault: Fault
    nth: int = 1
    every: int = 1
    times: int = 1
    when: Callable[[ApiRequest], bool] = lambda _: True
    matched: int = field(default=0, init=False)
    hits: int = field(default=0, init=False)

    def hit(self, call: ApiRequest) -> bool:
        """Whether this call is hit; counts it."""
        if not (self._verb(call) and re.search(self.path, call.place) and self.when(call)):
            return False
        self.matched += 1
        due = self.matched >= self.nth and (self.matched - self.nth) % self.every == 0 and self.hits < self.times
        self.hits += due
        return due

    def _verb(self, call: ApiRequest) -> bool:
        groups = {"*": True, "write": call.writes, "read": call.verb in _READS}
        return groups.get(self.verb, call.verb == self.verb)

"""Faults of single requests between a client and the API server: error responses, delays, lost responses, crashes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tools.testing.api_requests import ApiRequest

_REASONS = {403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired", 429: "TooManyRequests"}


class Exchange(Protocol):
    """One request on its way through the proxy, as a fault sees it."""

    request: ApiRequest

    async def forward(self) -> None:
        """Send the request to the API server, and keep its response."""

    async def respond(self, change: Callable[[bytes], bytes] = bytes) -> None:
        """Send the kept response to the client, its body changed."""

    async def reply(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Respond to the client without the API server."""

    async def relay(self, change: Lines, abort: bool) -> None:
        """Forward a watch, its lines changed; at their end abort the connection, or end the response properly."""

    def abort(self) -> None:
        """Abort the client's connection."""


Lines = Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]]


class Fault(Protocol):
    """Something that goes wrong with a request."""

    async def inject(self, exchange: Exchange) -> None:
        """Let it go wrong."""


def status_of(code: int) -> dict[str, Any]:
    """Return the Status object of an error of the API server.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
    """
    reason = _REASONS.get(code, "InternalError")
    facts = {"status": "Failure", "code": code, "reason": reason, "message": f"simulated {code}"}
    return {"kind": "Status", "apiVersion": "v1", **facts}


@dataclass(frozen=True)
class ErrorResponse:
    """The client receives an error, and the API server no request. `page` is the body instead of a Status."""

    code: int
    retry_after: int | None = None
    page: str = ""

    async def inject(self, exchange: Exchange) -> None:
        """Respond."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        body = self.page.encode() or json.dumps(status_of(self.code)).encode()
        await exchange.reply(self.code, body, headers)


@dataclass(frozen=True)
class LostResponse:
    """The request takes effect, and the connection breaks before the response."""

    async def inject(self, exchange: Exchange) -> None:
        """Forward the request, then abort."""
        await exchange.forward()
        exchange.abort()


@dataclass(frozen=True)
class Delay:
    """The request is delayed (`before`), or its response is (`after`), in seconds."""

    before: float = 0.0
    after: float = 0.0

    async def inject(self, exchange: Exchange) -> None:
        """Wait, forward, wait, respond."""
        await asyncio.sleep(self.before)
        await exchange.forward()
        await asyncio.sleep(self.after)
        await exchange.respond()


@dataclass(frozen=True)
class Crash:
    """The client is killed before the request reaches the API server, or after it took effect.

    `kill` only requests it: the client receives nothing until it is dead.
    """

    kill: Callable[[], None]
    after: bool = False

    async def inject(self, exchange: Exchange) -> None:
        """Request the kill and respond nothing."""
        if self.after:
            await exchange.forward()
        self.kill()
        await asyncio.Event().wait()

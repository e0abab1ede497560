"""A reverse proxy in front of the API server that logs every request and injects faults by rule."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from tools.testing.api_requests import ApiRequest, RequestLog, parse_request
from tools.testing.fault_rules import Rule
from tools.testing.faults import Lines

_HOP_BY_HOP = frozenset({"host", "connection", "transfer-encoding", "content-length", "accept-encoding"})


class Proxy:
    """Plain HTTP on a loopback port; a context manager. Its event loop runs in a thread, so that tests may block."""

    def __init__(self, server: str, ca: Path | None = None) -> None:
        self._server, self._ca = server, ca
        self.log = RequestLog()
        self.port = 0
        self._rules: list[Rule] = []
        self._loop = asyncio.new_event_loop()
        self._started, self._stopped = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(30), "the proxy did not start within 30 s"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(30)
        self._loop.close()

    @property
    def url(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    def add(self, *rules: Rule) -> None:
        """Add rules; the first that hits a request decides."""
        self._rules = [*self._rules, *rules]

    def clear(self) -> None:
        """Remove all rules."""
        self._rules = []

    def kubeconfig(self, token: str, into: Path, namespace: str = "default") -> Path:
        """Write a kubeconfig whose server is this proxy, and return its path."""
        context = {"cluster": "proxy", "user": "proxy", "namespace": namespace}
        content = {
            "clusters": [{"name": "proxy", "cluster": {"server": self.url}}],
            "users": [{"name": "proxy", "user": {"token": token}}],
            "contexts": [{"name": "proxy", "context": context}],
            "current-context": "proxy",
        }
        into.write_text(json.dumps(content))
        return into

    async def _run(self) -> None:
        context = ssl.create_default_context(cafile=str(self._ca)) if self._ca else None
        connector = aiohttp.TCPConnector(limit=0, ssl=context if context else True)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
            self._session = session
            app = web.Application(client_max_size=16 * 1024 * 1024)
            app.router.add_route("*", "/{path:.*}", self._serve)
            runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]
            self._started.set()
            await self._stopped.wait()
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        data = await request.read()
        content = request.headers.get("Content-Type", "")
        parsed = parse_request(request.method, request.path, request.query, content, data)
        self.log.requests.append(parsed)
        exchange = _Exchange(self._session, self._server, self.log, request, parsed, data)
        fault = next((rule.fault for rule in self._rules if rule.hit(parsed)), None)
        try:
            if fault is not None:
                parsed.fault = type(fault).__name__
                await fault.inject(exchange)
            else:
                await exchange.pass_on()
        except (aiohttp.ClientError, OSError):
            exchange.abort()  # the API server or the client has closed its connection
        return exchange.response or web.Response(status=502)


class _Exchange:
    """One request on its way."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        server: str,
        log: RequestLog,
        incoming: web.Request,
        request: ApiRequest,
        data: bytes,
    ) -> None:
        self._session, self._server, self._log = session, server, log
        self._incoming, self.request, self._data = incoming, request, data
        self._kept: tuple[int, dict[str, str], bytes] | None = None
        self.response: web.StreamResponse | None = None

    async def pass_on(self) -> None:
        """Forward the request and its response without a fault."""
        if self.request.verb == "watch":
            await self.relay(lambda lines: lines, abort=False)
        else:
            await self.forward()
            await self.respond()

    async def forward(self) -> None:
        """Send the request to the API server, even if the client closes its connection meanwhile."""
        self._kept = await asyncio.shield(asyncio.ensure_future(self._response()))

    async def respond(self, change: Callable[[bytes], bytes] = bytes) -> None:
        """Send the API server's response to the client, its body changed."""
        assert self._kept is not None
        code, headers, body = self._kept
        await self.reply(code, change(body), headers)

    async def reply(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send this response to the client."""
        self.request.code = code
        kind = "application/json" if body.startswith(b"{") else "text/plain"
        self.response = web.Response(status=code, body=body, headers={"Content-Type": kind, **headers})

    async def relay(self, change: Lines, abort: bool) -> None:
        """Forward a watch line by line."""
        async with self._request_upstream() as upstream:
            if upstream.status != 200:
                self._kept = upstream.status, _end_to_end(upstream.headers), await upstream.read()
                return await self.respond()
            self.request.code = 200
            self.response = web.StreamResponse(headers=_end_to_end(upstream.headers))
            await self.response.prepare(self._incoming)
            async for line in change(_lines(upstream.content)):
                self._log.watch_events[self.request.plural] += 1
                await self.response.write(line)
        if abort:
            self.abort()
        return None

    def abort(self) -> None:
        """Abort the client's connection."""
        if self._incoming.transport is not None:
            self._incoming.transport.abort()

    async def _response(self) -> tuple[int, dict[str, str], bytes]:
        async with self._request_upstream() as upstream:
            return upstream.status, _end_to_end(upstream.headers), await upstream.read()

    def _request_upstream(self) -> aiohttp.client._RequestContextManager:
        incoming = self._incoming
        url, headers = self._server + incoming.raw_path, _end_to_end(incoming.headers)
        return self._session.request(incoming.method, url, data=self._data or None, headers=headers)


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield whole lines of any length; an incomplete last line is left out."""
    rest = b""
    async for piece in content.iter_any():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line + b"\n"


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}

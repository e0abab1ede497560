"""A reverse proxy in front of the API server that records every call and lets things go wrong by rule."""

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
from tools.testing.faults import Fault, Lines, Rule

_HOP_BY_HOP = frozenset({"host", "connection", "transfer-encoding", "content-length", "accept-encoding"})


class Proxy:
    """Plain HTTP on a loopback port; a context manager. Its loop has a thread of its own, so tests may block."""

    def __init__(self, server: str, ca: Path | None = None) -> None:
        self._server, self._ca = server, ca
        self.record = RequestLog()
        self.port = 0
        self._rules: list[Rule] = []
        self._loop = asyncio.new_event_loop()
        self._open, self._close = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._open.wait(30), "the proxy does not start"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._close.set)
        self._thread.join(30)
        self._loop.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def add(self, *rules: Rule) -> None:
        """From now on these rules hold too; the first that hits a call decides."""
        self._rules = [*self._rules, *rules]

    def clear(self) -> None:
        """From now on everything goes well."""
        self._rules = []

    def kubeconfig(self, token: str, into: Path, namespace: str = "default") -> Path:
        """Write a kubeconfig that leads through this proxy."""
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
            self._open.set()
            await self._close.wait()
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        data = await request.read()
        content = request.headers.get("Content-Type", "")
        call = parse_request(request.method, request.path, request.query, content, data)
        self.record.calls.append(call)
        exchange = _Exchange(self._session, self._server, self.record, request, call, data)
        fault = self._fault(call)
        try:
            if fault is not None:
                call.fault = type(fault).__name__
                await fault.happen(exchange)
            else:
                await exchange.pass_on()
        except (aiohttp.ClientError, OSError):
            exchange.hang_up()  # the API server is away, or the client is
        return exchange.response or web.Response(status=502)

    def _fault(self, call: ApiRequest) -> Fault | None:
        return next((rule.fault for rule in self._rules if rule.hit(call)), None)


class _Exchange:
    """One request on its way."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        server: str,
        record: RequestLog,
        request: web.Request,
        call: ApiRequest,
        data: bytes,
    ) -> None:
        self._session, self._server, self._record = session, server, record
        self._request, self.call, self._data = request, call, data
        self._kept: tuple[int, dict[str, str], bytes] | None = None
        self.response: web.StreamResponse | None = None

    async def pass_on(self) -> None:
        """Nothing goes wrong."""
        if self.call.verb == "watch":
            await self.relay(lambda lines: lines, abort=False)
        else:
            await self.forward()
            await self.answer()

    async def forward(self) -> None:
        """A call that has set out arrives, whatever becomes of its client."""
        self._kept = await asyncio.shield(asyncio.ensure_future(self._asked()))

    async def answer(self, change: Callable[[bytes], bytes] = bytes) -> None:
        """Give the client the API server's answer, changed."""
        assert self._kept is not None
        code, headers, body = self._kept
        await self.reply(code, change(body), headers)

    async def reply(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Give the client this answer."""
        self.call.code = code
        kind = "application/json" if body.startswith(b"{") else "text/plain"
        self.response = web.Response(status=code, body=body, headers={"Content-Type": kind, **headers})

    async def relay(self, change: Lines, abort: bool) -> None:
        """Pass the watch on, line by line."""
        async with self._request_upstream() as upstream:
            if upstream.status != 200:
                self._kept = upstream.status, _end_to_end(upstream.headers), await upstream.read()
                return await self.answer()
            self.call.code = 200
            self.response = web.StreamResponse(headers=_end_to_end(upstream.headers))
            await self.response.prepare(self._request)
            async for line in change(_lines(upstream.content)):
                self._record.events[self.call.plural] += 1
                await self.response.write(line)
        if abort:
            self.hang_up()
        return None

    def hang_up(self) -> None:
        """Break the connection off, without a farewell."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _asked(self) -> tuple[int, dict[str, str], bytes]:
        async with self._request_upstream() as upstream:
            return upstream.status, _end_to_end(upstream.headers), await upstream.read()

    def _request_upstream(self) -> aiohttp.client._RequestContextManager:
        request = self._request
        url, headers = self._server + request.raw_path, _end_to_end(request.headers)
        return self._session.request(request.method, url, data=self._data or None, headers=headers)


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Whole lines, however long; what comes without its end is left out."""
    rest = b""
    async for piece in content.iter_any():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line + b"\n"


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}

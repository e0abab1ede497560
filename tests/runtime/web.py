"""A web server in the place of an API server, which responds as a function of the test does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(respond: Respond) -> AsyncIterator[str]:
    """Yield the URL of a server that responds to every request with this function."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", respond)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()

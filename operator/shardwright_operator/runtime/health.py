"""The HTTP endpoints: /healthz notices what a restart can mend, /readyz when the caches are filled, /metrics."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from shardwright_operator.runtime.metrics import Metrics

log = logging.getLogger(__name__)

# A check gives what is wrong, or nothing.
Check = Callable[[], str]


class Health:
    """Serves the endpoints on one address until closed."""

    def __init__(self, metrics: Metrics, alive: Mapping[str, Check], ready: Mapping[str, Check]) -> None:
        self._metrics, self._alive, self._ready = metrics, alive, ready
        self._wrong: set[str] = set()
        self._runner: web.AppRunner | None = None

    async def start(self, address: str) -> None:
        """Listen on `host:port`; no host means all of them."""
        host, _, port = address.rpartition(":")
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._serve_metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host.strip("[]") or None, int(port)).start()

    @property
    def port(self) -> int:
        """The port that it listens on, for an address that left it open."""
        assert self._runner is not None, "it does not listen"
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        return self._answer(self._alive)

    async def _readyz(self, _request: web.Request) -> web.Response:
        return self._answer(self._ready)

    async def _serve_metrics(self, request: web.Request) -> web.Response:
        encode, kind = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._metrics.registry), headers={"Content-Type": kind})

    def _answer(self, checks: Mapping[str, Check]) -> web.Response:
        wrong = {name: told for name, check in checks.items() if (told := check())}
        for name in wrong.keys() - self._wrong:
            log.warning("not well: %s: %s", name, wrong[name])
        self._wrong = (self._wrong - checks.keys()) | wrong.keys()
        text = "\n".join(f"{name}: {told}" for name, told in wrong.items()) or "ok"
        return web.Response(status=503 if wrong else 200, text=text + "\n")


async def measure_lag(set_lag: Callable[[float], None], period: float = 1.0) -> None:
    """Tell how late the event loop runs, until cancelled."""
    while True:
        due = time.monotonic() + period
        await asyncio.sleep(period)
        set_lag(max(0.0, time.monotonic() - due))

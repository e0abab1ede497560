"""The HTTP endpoints: /healthz fails when a restart would help, /readyz succeeds once the cache is filled, /metrics."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from shardwright_operator.runtime.metrics import Metrics

log = logging.getLogger(__name__)

# Returns what is wrong, empty if nothing is.
Check = Callable[[], str]


class HealthServer:
    """Serves the endpoints on one address until closed."""

    def __init__(self, metrics: Metrics, alive: Mapping[str, Check], ready: Mapping[str, Check]) -> None:
        self._metrics, self._alive, self._ready = metrics, alive, ready
        self._failing: set[str] = set()
        self._runner: web.AppRunner | None = None

    async def start(self, address: str) -> None:
        """Listen on `host:port`, on every interface if the host is empty.

        Raises:
            OSError: the port is in use, or the host is not one of this machine.
        """
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
        """The port on which it listens, which differs from the address if that asked for port 0."""
        assert self._runner is not None, "start comes first"
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        return self._respond(self._alive)

    async def _readyz(self, _request: web.Request) -> web.Response:
        return self._respond(self._ready)

    async def _serve_metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._metrics.registry), headers={"Content-Type": content_type})

    def _respond(self, checks: Mapping[str, Check]) -> web.Response:
        failing = {name: problem for name, check in checks.items() if (problem := check())}
        # Logged when a check begins to fail, not at every probe.
        for name in failing.keys() - self._failing:
            log.warning("check %s fails: %s", name, failing[name])
        self._failing = (self._failing - checks.keys()) | failing.keys()
        text = "\n".join(f"{name}: {problem}" for name, problem in failing.items()) or "ok"
        return web.Response(status=503 if failing else 200, text=text + "\n")


async def measure_lag(set_lag: Callable[[float], None], period: float = 1.0) -> None:
    """Report every `period` seconds by how many seconds the event loop is late, until cancelled."""
    while True:
        due = time.monotonic() + period
        await asyncio.sleep(period)
        set_lag(max(0.0, time.monotonic() - due))

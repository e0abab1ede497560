"""The HTTP session that kopf is given: it follows no redirect, and its answers pass through our hands."""

from collections.abc import Callable
from typing import Any

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from shardwright_operator.kube.kubeconfig import Login
from shardwright_operator.kube.responses import pause_of, refuse_redirects

_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds: after a refusal that says nothing sensible, and at most

Middleware = Callable[[aiohttp.ClientRequest, aiohttp.ClientHandlerType], Any]


def open_session(
    login: Login,
    authorise: Middleware,
    began: Callable[[aiohttp.ClientResponse], None],
    take: Callable[[URL, Any], Any],
) -> aiohttp.ClientSession:
    """A session for this server. `began` sees each answer before it is read, `take` what is in each good one."""

    class Response(aiohttp.ClientResponse):
        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            await super().start(connection)
            if self.status == 429:
                self._headers = _with_pause(self._headers)
            began(self)
            return self

        async def json(self, **options: Any) -> Any:
            page = await super().json(**options)
            return take(self.url, page) if self.status == 200 else page

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=login.ssl_context()),
        proxy=login.proxy,
        middlewares=(refuse_redirects, authorise),
        response_class=Response,
    )


def _with_pause(headers: "CIMultiDictProxy[str]") -> "CIMultiDictProxy[str]":
    """The headers with a Retry-After that can be obeyed: kopf sleeps for as long as it is told, or breaks."""
    asked = pause_of(headers.get("Retry-After", ""))
    pause = _PAUSE if asked is None else min(asked, _LONGEST_PAUSE)
    return CIMultiDictProxy(CIMultiDict({**headers, "Retry-After": str(pause)}))

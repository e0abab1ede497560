"""The HTTP session that kopf uses: it follows no redirect, and its responses pass through callbacks."""

from collections.abc import Callable
from typing import Any

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from shardwright_operator.kube.credentials import Credentials
from shardwright_operator.kube.responses import reject_redirects, retry_after_seconds

_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds: without a usable Retry-After, and at most

Middleware = Callable[[aiohttp.ClientRequest, aiohttp.ClientHandlerType], Any]


def open_session(
    credentials: Credentials,
    authorize: Middleware,
    on_response: Callable[[aiohttp.ClientResponse], None],
    on_page: Callable[[URL, Any], Any],
) -> aiohttp.ClientSession:
    """Return a session for this API server.

    `on_response` is called with each response before its body is read. `on_page` is called with the URL and the JSON of
    each successful response that is read as a whole, and returns the JSON that kopf gets instead.
    """

    class Response(aiohttp.ClientResponse):
        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            await super().start(connection)
            if self.status == 429:
                self._headers = _with_retry_after(self._headers)
            on_response(self)
            return self

        async def json(self, **options: Any) -> Any:
            page = await super().json(**options)
            return on_page(self.url, page) if self.status == 200 else page

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=credentials.ssl_context()),
        proxy=credentials.proxy,
        middlewares=(reject_redirects, authorize),
        response_class=Response,
    )


def _with_retry_after(headers: "CIMultiDictProxy[str]") -> "CIMultiDictProxy[str]":
    """Return the headers with a usable Retry-After: kopf raises on one that is not a number, and sleeps however long.

    https://github.com/nolar/kopf/blob/1.45.2/kopf/_cogs/clients/api.py#L105
    """
    requested = retry_after_seconds(headers.get("Retry-After", ""))
    pause = _PAUSE if requested is None else min(requested, _LONGEST_PAUSE)
    return CIMultiDictProxy(CIMultiDict({**headers, "Retry-After": str(pause)}))

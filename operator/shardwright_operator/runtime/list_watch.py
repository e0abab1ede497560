"""Turns the responses to kopf's list and watch requests into deltas, and leaves kopf only what it needs to go on."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
from yarl import URL

from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.credentials import Credentials
from shardwright_operator.kube.kinds import WATCHED, Kind
from shardwright_operator.kube.responses import check_page
from shardwright_operator.runtime.deltas import Delta, ListDelta
from shardwright_operator.runtime.kopf_session import open_session
from shardwright_operator.runtime.watch_lines import RewrittenLines, WatchDecoder

OnDelta = Callable[[Delta], None]


class ListWatch:
    """The lists and watches of one run. All of it runs in the run's thread, `on_delta` too.

    Of the cache only `read` and `knows` are called, which any thread may do. `last_activity` is updated with the
    monotonic time of each kind's last line or response.
    """

    def __init__(
        self,
        credentials: Credentials,
        namespaces: Sequence[str],
        cache: Cache,
        on_delta: OnDelta,
        last_activity: dict[Kind, float],
    ) -> None:
        self._credentials, self._read, self._on_delta, self._last_activity = (
            credentials,
            cache.read,
            on_delta,
            last_activity,
        )
        self._origin = URL(credentials.server).origin()
        self._decoders = {kind: WatchDecoder(kind, cache.read, cache.knows) for kind in WATCHED}
        self._paths = {
            kind.path(namespace): (kind, namespace) for kind in WATCHED for namespace in tuple(namespaces) or (None,)
        }
        self._lists: dict[str, ListDelta] = {}  # path -> the list whose pages are being read

    def open_session(self) -> aiohttp.ClientSession:
        """Return a session for kopf whose responses pass through here."""
        return open_session(self._credentials, self._authorize, self._on_response, self._on_page)

    def deliver(self, kind: Kind, uid: str) -> None:
        """Pass on the delta of the object for which kopf called the handler."""
        if delta := self._decoders[kind].pop(uid):
            self._on_delta(delta)

    async def _authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Put the current token on a request, and note when a list starts and when a watch is answered."""
        kind, namespace = self._paths.get(request.url.path, (None, None))
        if kind and not {"watch", "continue"} & request.url.query.keys():
            # Before the request: whatever the cache receives from now on may be newer than the list.
            self._lists[request.url.path] = ListDelta(kind, namespace, time.monotonic(), [])
        # The session may be asked for other hosts; the token is for the API server alone.
        if request.url.origin() == self._origin and (token := self._credentials.token()):
            request.headers["Authorization"] = f"Bearer {token}"
        response = await handler(request)
        if kind and response.status == 200 and "watch" in request.url.query:
            self._last_activity[kind] = time.monotonic()
        return response

    def _on_page(self, url: URL, page: Any) -> Any:
        """Keep the items of a list, and return the page without them: kopf needs the list's version for its watch.

        kopf would call a handler for each item, half a millisecond of CPU each, and never report what has vanished
        since the last list: https://github.com/nolar/kopf/blob/1.45.2/kopf/_cogs/clients/watching.py#L179
        """
        delta = self._lists.get(url.path)
        if delta is None:
            return page
        check_page(page)
        delta.entries.extend(entry for raw in page["items"] if (entry := self._read(delta.kind, raw)))
        if not page["metadata"].get("continue"):
            self._on_delta(self._lists.pop(url.path))
        return {**page, "items": []}

    def _on_response(self, response: aiohttp.ClientResponse) -> None:
        """Let the lines of a watch pass through the decoder of its kind."""
        kind, _ = self._paths.get(response.url.path, (None, None))
        if kind is None or response.status != 200 or "watch" not in response.url.query:
            return
        decoder = self._decoders[kind]

        def rewrite(line: bytes) -> bytes:
            self._last_activity[kind] = time.monotonic()
            return decoder.rewrite(line)

        response.content = RewrittenLines(response.content, rewrite)  # type: ignore[assignment]

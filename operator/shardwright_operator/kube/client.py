"""The few verbs that the operator needs from the API server, on plain dictionaries: generated models cost more CPU."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject

from shardwright_operator.api.names import MANAGER, WORKER_CONTAINER
from shardwright_operator.kube.credentials import Credentials
from shardwright_operator.kube.errors import ApiError, Unavailable, error_from_response
from shardwright_operator.kube.kinds import PODS, Kind
from shardwright_operator.kube.responses import Raw, RedirectError, read_object, read_page, reject_redirects
from shardwright_operator.kube.tokens import CredentialsError

log = logging.getLogger(__name__)

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_RETRIES = 4  # of one call whose response has a Retry-After
_LONGEST_PAUSE = 30.0  # seconds before such a retry, whatever the header says
_LOG_LIMIT = 256 * 1024  # bytes of a log that are read, however long its lines are

# verb, plural, HTTP code (0: no response), seconds
OnCall = Callable[[str, str, int, float], None]


class Client:
    """Calls one API server. `timeout` is in seconds, for one request; pauses that the server asks for come on top.

    Every method raises `ApiError`, or the subclass that the response stands for.
    """

    def __init__(
        self, credentials: Credentials, on_call: OnCall = lambda *_: None, timeout: float = 15.0, connections: int = 64
    ) -> None:
        self._credentials, self._on_call = credentials, on_call
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=min(5.0, timeout))
        configuration = Configuration(host=credentials.server)
        configuration.proxy, configuration.tls_server_name = credentials.proxy, credentials.server_name
        connector = aiohttp.TCPConnector(limit=connections, ssl=credentials.ssl_context())
        configuration.client_session_kwargs = {
            "connector": connector,
            "trust_env": False,  # the proxy is set above, and passwords in ~/.netrc are not for the API server
            "middlewares": (reject_redirects,),
        }
        self._connector, self._rest = connector, RESTClientObject(configuration)

    async def close(self) -> None:
        """Close all connections."""
        await self._rest.close()
        await self._connector.close()

    async def get(self, kind: Kind, namespace: str, name: str) -> Raw:
        """Return the most recent version of one object: a read without a resourceVersion is consistent.

        https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
        """
        return await self._object("get", "GET", kind, kind.path(namespace, name))

    async def pages(
        self, kind: Kind, namespace: str | None, *, labels: str = "", fields: str = "", limit: int = 500
    ) -> AsyncIterator[Raw]:
        """Yield the objects of a kind, page by page. `limit` is the size of a page.

        A continue token expires after some minutes with 410; the list then starts again, and objects may repeat.

        https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
        """
        query = {"labelSelector": labels, "fieldSelector": fields, "limit": str(limit), "continue": ""}
        while True:
            encoded = urlencode({name: value for name, value in query.items() if value})
            try:
                page = await self._object("list", "GET", kind, f"{kind.path(namespace)}?{encoded}", read=read_page)
            except ApiError as error:
                if error.status != 410 or not query["continue"]:
                    raise
                query["continue"] = ""
                continue
            yield page
            query["continue"] = page["metadata"].get("continue") or ""
            if not query["continue"]:
                return

    async def list(self, kind: Kind, namespace: str | None, *, labels: str = "", fields: str = "") -> list[Raw]:
        """Return the objects of a kind that these selectors choose."""
        return [
            one async for page in self.pages(kind, namespace, labels=labels, fields=fields) for one in page["items"]
        ]

    async def create(self, kind: Kind, namespace: str, body: Mapping[str, Any]) -> Raw:
        """Create an object with POST; `Conflict` if an object of that name exists."""
        return await self._object("create", "POST", kind, kind.path(namespace), body)

    async def replace(self, kind: Kind, namespace: str, name: str, body: Mapping[str, Any]) -> Raw:
        """Replace an object with PUT; `Conflict` if the body's resourceVersion is not the current one."""
        return await self._object("update", "PUT", kind, kind.path(namespace, name), body)

    async def patch(self, kind: Kind, namespace: str, name: str, body: Mapping[str, Any]) -> Raw:
        """Apply a merge patch; `Conflict` if a uid or resourceVersion in the body's metadata is not the current one."""
        return await self._object("patch", "PATCH", kind, kind.path(namespace, name), body, _MERGE)

    async def apply_status(self, kind: Kind, namespace: str, name: str, body: Mapping[str, Any]) -> Raw:
        """Apply the whole status: a field that this manager applied before and leaves out now is removed.

        https://kubernetes.io/docs/reference/using-api/server-side-apply/
        """
        path = f"{kind.path(namespace, name, 'status')}?fieldManager={MANAGER}&force=true"
        return await self._object("apply", "PATCH", kind, path, body, _APPLY)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> Raw:
        """Delete the object with this uid, and its dependents in the background; `Conflict` if it has another uid."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        return await self._object("delete", "DELETE", kind, kind.path(namespace, name), body)

    async def log_tail(self, namespace: str, pod: str, lines: int) -> str:
        """Return the last lines of the worker container's log."""
        query = f"container={WORKER_CONTAINER}&tailLines={lines}&limitBytes={_LOG_LIMIT}"
        path = f"{PODS.path(namespace, pod, 'log')}?{query}"
        return (await self._call("log", "GET", PODS, path)).decode(errors="replace")

    async def _object(
        self,
        verb: str,
        method: str,
        kind: Kind,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        read: Callable[[bytes], Raw] = read_object,
    ) -> Raw:
        data = await self._call(verb, method, kind, path, body, content_type)
        try:
            return read(data)
        except ValueError as error:
            # A login page, or half a response: whether a write took effect is not known.
            call = f"{verb} {kind.plural} {path.partition('?')[0]}"
            raise Unavailable(200, "Malformed", f"the response is not an API server's: {error}", call) from error

    async def _call(
        self, verb: str, method: str, kind: Kind, path: str, body: Any = None, content_type: str = "application/json"
    ) -> bytes:
        for retries in range(_RETRIES, -1, -1):
            try:
                return await self._send(verb, method, kind, path, body, content_type)
            except Unavailable as error:
                # Only what the server asks to be retried is retried here, as in client-go; the rest is for the caller:
                # https://github.com/kubernetes/client-go/blob/v0.36.3/rest/with_retry.go#L60
                if error.retry_after is None or not retries:
                    raise
                await asyncio.sleep(min(error.retry_after, _LONGEST_PAUSE))
        raise AssertionError("unreachable")

    async def _send(self, verb: str, method: str, kind: Kind, path: str, body: Any, content_type: str) -> bytes:
        headers = {"Accept": "application/json", "Content-Type": content_type, "User-Agent": MANAGER}
        call, started, status = f"{verb} {kind.plural} {path.partition('?')[0]}", time.monotonic(), 0
        try:
            if token := self._credentials.token():
                headers["Authorization"] = f"Bearer {token}"
            url = self._credentials.server + path
            response = await self._rest.request(method, url, headers, body, _request_timeout=self._timeout)
            data: bytes = await response.read()
            status = response.status
        except (RedirectError, CredentialsError) as error:
            raise Unavailable(0, type(error).__name__, str(error), call) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(0, "NoResponse", f"{type(error).__name__} {error}".strip(), call) from error
        finally:
            self._on_call(verb, kind.plural, status, time.monotonic() - started)
        if status >= 400:
            raise error_from_response(status, response.headers, data, call)
        return data

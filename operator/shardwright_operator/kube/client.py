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

from shardwright_operator.kube.convert import WORKER
from shardwright_operator.kube.credentials import Credentials, CredentialsError
from shardwright_operator.kube.errors import ApiError, Unavailable, error_of
from shardwright_operator.kube.kinds import PODS, Kind
from shardwright_operator.kube.responses import Raw, Redirected, read_object, read_page, refuse_redirects

log = logging.getLogger(__name__)

FIELD_MANAGER = "shardwright"
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_PATIENCE = 4  # how often "try again later" is obeyed within one call
_LONGEST_PAUSE = 30.0
_LOG_LIMIT = 256 * 1024  # bytes of a log that are read, however long its lines

# verb, plural, HTTP code (0: no answer), seconds
OnCall = Callable[[str, str, int, float], None]


class Client:
    """Calls one API server. Errors are `ApiError`; every call ends within `timeout` seconds and its obeyed pauses."""

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
            "trust_env": False,
            "middlewares": (refuse_redirects,),
        }
        self._connector, self._rest = connector, RESTClientObject(configuration)

    async def close(self) -> None:
        """Close all connections."""
        await self._rest.close()
        await self._connector.close()

    async def get(self, kind: Kind, namespace: str, name: str) -> Raw:
        """One object, as it is now."""
        return await self._object("get", "GET", kind, kind.path(namespace, name))

    async def pages(
        self, kind: Kind, namespace: str | None, *, labels: str = "", fields: str = "", limit: int = 500
    ) -> AsyncIterator[Raw]:
        """All objects of a kind, page by page. A list that expires half-way begins anew: pages may then repeat."""
        query = {"labelSelector": labels, "fieldSelector": fields, "limit": str(limit), "continue": ""}
        while True:
            given = urlencode({name: value for name, value in query.items() if value})
            try:
                page = await self._object("list", "GET", kind, f"{kind.path(namespace)}?{given}", read=read_page)
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
        """All objects of a kind that these selectors choose."""
        return [
            one async for page in self.pages(kind, namespace, labels=labels, fields=fields) for one in page["items"]
        ]

    async def create(self, kind: Kind, namespace: str, body: Mapping[str, Any]) -> Raw:
        """POST: `Conflict` if an object of that name exists."""
        return await self._object("create", "POST", kind, kind.path(namespace), body)

    async def replace(self, kind: Kind, namespace: str, name: str, body: Mapping[str, Any]) -> Raw:
        """PUT: `Conflict` if the body's resourceVersion is not the current one."""
        return await self._object("update", "PUT", kind, kind.path(namespace, name), body)

    async def patch(self, kind: Kind, namespace: str, name: str, body: Mapping[str, Any]) -> Raw:
        """A merge patch; a uid or resourceVersion in the body's metadata guards it."""
        return await self._object("patch", "PATCH", kind, kind.path(namespace, name), body, _MERGE)

    async def apply_status(self, kind: Kind, namespace: str, name: str, body: Mapping[str, Any]) -> Raw:
        """Server-side apply of the whole status: what we applied before and omit now goes away."""
        path = f"{kind.path(namespace, name, 'status')}?fieldManager={FIELD_MANAGER}&force=true"
        return await self._object("apply", "PATCH", kind, path, body, _APPLY)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> Raw:
        """Delete the object with this uid in the background; `Conflict` if it is another one by now."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        return await self._object("delete", "DELETE", kind, kind.path(namespace, name), body)

    async def log_tail(self, namespace: str, pod: str, lines: int) -> str:
        """The last lines that the worker in a pod has written."""
        path = f"{PODS.path(namespace, pod, 'log')}?container={WORKER}&tailLines={lines}&limitBytes={_LOG_LIMIT}"
        return (await self._call("log", "GET", PODS, path)).decode(errors="replace")

    async def _object(
        self,
        verb: str,
        method: str,
        kind: Kind,
        path: str,
        body: Any = None,
        content: str = "application/json",
        read: Callable[[bytes], Raw] = read_object,
    ) -> Raw:
        data = await self._call(verb, method, kind, path, body, content)
        try:
            return read(data)
        except ValueError as error:
            # A login page, or half an answer: whether a write took effect is not known.
            what = f"{verb} {kind.plural} {path.partition('?')[0]}"
            raise Unavailable(200, "NoObject", f"this is no answer of an API server: {error}", what) from error

    async def _call(
        self, verb: str, method: str, kind: Kind, path: str, body: Any = None, content: str = "application/json"
    ) -> bytes:
        for patience in range(_PATIENCE, -1, -1):
            try:
                return await self._once(verb, method, kind, path, body, content)
            except Unavailable as error:
                # Only an answer that says when to come back is obeyed here; everything else is the caller's backoff.
                if error.retry_after is None or not patience:
                    raise
                await asyncio.sleep(min(error.retry_after, _LONGEST_PAUSE))
        raise AssertionError("unreachable")

    async def _once(self, verb: str, method: str, kind: Kind, path: str, body: Any, content: str) -> bytes:
        headers = {"Accept": "application/json", "Content-Type": content, "User-Agent": FIELD_MANAGER}
        what, started, status = f"{verb} {kind.plural} {path.partition('?')[0]}", time.monotonic(), 0
        try:
            if token := self._credentials.token():
                headers["Authorization"] = f"Bearer {token}"
            url = self._credentials.server + path
            answer = await self._rest.request(method, url, headers, body, _request_timeout=self._timeout)
            data: bytes = await answer.read()
            status = answer.status
        except (Redirected, CredentialsError) as error:
            raise Unavailable(0, type(error).__name__, str(error), what) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(0, "NoAnswer", f"{type(error).__name__} {error}".strip(), what) from error
        finally:
            self._on_call(verb, kind.plural, status, time.monotonic() - started)
        if status >= 400:
            raise error_of(status, answer.headers, data, what)
        return data

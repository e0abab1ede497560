"""Responses that no API server sends: each is an ordinary error, redirects are not followed, and no task ends."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientError, web

from shardwright_operator.decide.plan import Event
from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.convert.checkpoint import convert_checkpoint
from shardwright_operator.kube.credentials import Credentials
from shardwright_operator.kube.errors import ApiError, Unavailable
from shardwright_operator.kube.event_recorder import EventRecorder
from shardwright_operator.kube.kinds import CHECKPOINTS, JOBS, LEASES
from shardwright_operator.kube.observed_resource import parse_resource
from shardwright_operator.kube.responses import retry_after_seconds
from shardwright_operator.runtime.election import LeaderElectionConfig, LeaderElector
from shardwright_operator.runtime.list_watch import ListWatch
from shardwright_operator.runtime.permissions import PermissionCheck
from shardwright_operator.runtime.relist import Relister
from tests.runtime import raw
from tests.runtime.web import serving

BODIES = {
    "a login page": b"<html>please log in</html>",
    "nothing": b"",
    "half a response": b'{"metadata": {}, "items": [{"meta',
    "an array": b"[1, 2]",
    "a number": b"5",
    "null": b"null",
    "no text": b"\xff\xfe\x00",
    "nested too deeply": b"[" * 100_000,
}
PAGES = {
    "no items": b'{"metadata": {}, "items": null}',
    "items that are not a list": b'{"metadata": {}, "items": {"a": 1}}',
    "no metadata": b'{"items": []}',
    "metadata that is not an object": b'{"metadata": [], "items": []}',
    "a continue token that is not text": b'{"metadata": {"continue": 5}, "items": []}',
}


class Server:
    """Responds to every request with `body`, and counts them."""

    def __init__(self, body: bytes = b"") -> None:
        self.body, self.requests = body, 0

    async def respond(self, _request: web.Request) -> web.Response:
        self.requests += 1
        return web.Response(body=self.body, content_type="application/json")


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    async with serving(server.respond) as url:
        client = Client(Credentials(url, lambda: "secret"), timeout=5.0)
        yield client
        await client.close()


CALLS: dict[str, Callable[[Client], Awaitable[Any]]] = {
    "get": lambda client: client.get(JOBS, "ns", "n"),
    "list": lambda client: client.list(JOBS, "ns"),
    "create": lambda client: client.create(JOBS, "ns", {}),
    "update": lambda client: client.replace(LEASES, "ns", "n", {}),
    "patch": lambda client: client.patch(JOBS, "ns", "n", {}),
    "apply": lambda client: client.apply_status(CHECKPOINTS, "ns", "n", {}),
    "delete": lambda client: client.delete(JOBS, "ns", "n", "uid"),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("verb", CALLS)
async def test_a_body_that_is_not_an_object_is_an_error(server: Server, client: Client, verb: str, body: str) -> None:
    server.body = BODIES[body]
    with pytest.raises(Unavailable, match="not an API server's"):
        await CALLS[verb](client)


@pytest.mark.parametrize("page", PAGES)
async def test_a_body_that_is_not_a_page_is_an_error(server: Server, client: Client, page: str) -> None:
    server.body = PAGES[page]
    with pytest.raises(Unavailable, match="not an API server's"):
        await client.list(JOBS, None)


async def test_a_number_too_long_to_be_read_does_not_spoil_its_page(server: Server, client: Client) -> None:
    server.body = b'{"metadata": {}, "items": [{"a": ' + b"9" * 5000 + b'}, {"a": 1}]}'
    assert [one["a"] for one in await client.list(JOBS, None)] == [math.inf, 1]


@pytest.mark.parametrize("body", [*BODIES.values(), *PAGES.values(), b'{"metadata": [], "spec": 5, "items": []}'])
async def test_no_task_ends(server: Server, client: Client, body: bytes) -> None:
    server.body = body
    recorder = EventRecorder(client, "me")
    recording = asyncio.ensure_future(recorder.run())
    recorder.record(parse_resource(convert_checkpoint(raw.resource())), Event("Normal", "Reason", "\ud800 text"))
    await recorder.drain(10)
    assert not recording.done()
    recording.cancel()
    elector = LeaderElector(client, LeaderElectionConfig("ns", "lease"), "me")
    await elector.try_acquire_or_renew()
    await elector.try_acquire_or_renew()
    await elector.release()
    await PermissionCheck(client, ()).check()
    requests = server.requests
    relister = Relister(client, Cache(), lambda: (), lambda _: None, lambda *_: None, 0.01)
    listing = asyncio.ensure_future(relister.run())
    while server.requests < requests + 3:
        assert not listing.done()
        await asyncio.sleep(0)
    listing.cancel()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), ("0", 0.0), ("inf", None), ("nan", None), ("-5", None), ("1e400", None), ("soon", None), ("", None)],
)
def test_a_retry_after_that_is_not_a_number_of_seconds_is_ignored(header: str, seconds: float | None) -> None:
    assert retry_after_seconds(header) == seconds


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
async def test_a_redirect_is_not_followed_and_its_host_never_gets_the_token(status: int) -> None:
    tokens: list[str | None] = []

    async def other_host(request: web.Request) -> web.Response:
        tokens.append(request.headers.get("Authorization"))
        return web.json_response({"metadata": {}, "items": []})

    async with serving(other_host) as elsewhere:
        target = elsewhere.replace("127.0.0.1", "localhost")

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": f"{target}{request.path}?token=s3cret"})

        async with serving(redirect) as url:
            credentials = Credentials(url, lambda: "s3cret")
            client = Client(credentials)
            for call in CALLS.values():
                with pytest.raises(ApiError, match=r"redirect \(\d+\) to localhost") as caught:
                    await call(client)
                assert "s3cret" not in str(caught.value)
            with pytest.raises(ApiError, match="redirect"):
                await client.log_tail("ns", "pod", 1)
            await client.close()
            session = ListWatch(credentials, (), Cache(), lambda _: None, {}).open_session()
            with pytest.raises(ClientError, match=r"redirect \(\d+\) to localhost") as refused:
                await session.get(f"{url}/api/v1/pods?watch=true")
            assert "s3cret" not in str(refused.value)
            # Even if the session is asked for another host, the token is for the API server alone.
            await (await session.get(f"{target}/api/v1/pods")).read()
            await session.close()
    assert tokens == [None]

"""Answers that no API server gives: each is an error like any other, nobody follows them, and every task goes on."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientError, web

from shardwright_operator.decide.plan import Event
from shardwright_operator.kube import convert
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import ApiError, Unavailable
from shardwright_operator.kube.event_recorder import Recorder
from shardwright_operator.kube.indexer import Cache
from shardwright_operator.kube.kinds import CHECKPOINTS, JOBS, LEASES, Kind
from shardwright_operator.kube.kubeconfig import Login
from shardwright_operator.kube.observed_objects import parse
from shardwright_operator.kube.responses import pause_of
from shardwright_operator.runtime.election import Elector, Terms
from shardwright_operator.runtime.kopf_settings import Times
from shardwright_operator.runtime.permissions import Preflight
from shardwright_operator.runtime.reflector import Streams
from shardwright_operator.runtime.resync import Relister
from tests.runtime import raw
from tests.runtime.clock import Clock
from tests.runtime.web import serving

BODIES = {
    "a login page": b"<html>please log in</html>",
    "nothing": b"",
    "half an answer": b'{"metadata": {}, "items": [{"meta',
    "an array": b"[1, 2]",
    "a number": b"5",
    "null": b"null",
    "no text": b"\xff\xfe\x00",
    "depths": b"[" * 100_000,
}
PAGES = {
    "no items": b'{"metadata": {}, "items": null}',
    "items of another kind": b'{"metadata": {}, "items": {"a": 1}}',
    "no metadata": b'{"items": []}',
    "odd metadata": b'{"metadata": [], "items": []}',
    "odd continuation": b'{"metadata": {"continue": 5}, "items": []}',
}


class Place:
    """Answers everything with `body`, and counts."""

    def __init__(self, body: bytes = b"") -> None:
        self.body, self.asked = body, 0

    async def answer(self, _request: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(body=self.body, content_type="application/json")


@pytest.fixture
async def place() -> Place:
    return Place()


@pytest.fixture
async def client(place: Place) -> AsyncIterator[Client]:
    async with serving(place.answer) as url:
        client = Client(Login(url, lambda: "secret"), timeout=5.0)
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
async def test_what_is_no_object_is_no_answer(place: Place, client: Client, verb: str, body: str) -> None:
    place.body = BODIES[body]
    with pytest.raises(Unavailable, match="no answer of an API server"):
        await CALLS[verb](client)


@pytest.mark.parametrize("page", PAGES)
async def test_what_is_no_page_is_no_list(place: Place, client: Client, page: str) -> None:
    place.body = PAGES[page]
    with pytest.raises(Unavailable, match="no answer of an API server"):
        await client.list(JOBS, None)


async def test_a_number_too_long_to_be_read_costs_nothing_beside_it(place: Place, client: Client) -> None:
    place.body = b'{"metadata": {}, "items": [{"a": ' + b"9" * 5000 + b'}, {"a": 1}]}'
    assert [one["a"] for one in await client.list(JOBS, None)] == [math.inf, 1]


@pytest.mark.parametrize("body", [*BODIES.values(), *PAGES.values(), b'{"metadata": [], "spec": 5, "items": []}'])
async def test_every_task_goes_on(place: Place, client: Client, body: bytes) -> None:
    place.body = body
    recorder = Recorder(client, "me")
    telling = asyncio.ensure_future(recorder.run())
    recorder.record(parse(convert.resource(raw.resource())), Event("Normal", "Reason", "\ud800 words"))
    await recorder.drain(10)
    assert not telling.done()
    telling.cancel()
    elector = Elector(client, Terms("ns", "lease"), "me")
    await elector.try_once()
    await elector.try_once()
    await elector.release()
    await Preflight(client, ()).look()
    asked = place.asked
    relister = Relister(client, Cache(), lambda: (), lambda _: None, lambda *_: None, 0.01)
    listing = asyncio.ensure_future(relister.run())
    while place.asked < asked + 3:
        assert not listing.done()
        await asyncio.sleep(0)
    listing.cancel()


async def test_an_odd_object_costs_a_complete_list_nothing_else(place: Place, client: Client) -> None:
    job = raw.job()
    items: list[Any] = [5, {"metadata": None}, {**job, "status": []}, job]
    place.body = json.dumps({"metadata": {}, "items": items}).encode()
    skipped: list[Kind] = []
    cache = Cache(on_odd=skipped.append)
    relister = Relister(client, cache, lambda: (), lambda _: None, lambda *_: None, 0.0)
    await relister._list(JOBS)
    assert [entry.key.name for entry in cache.jobs] == ["model-prepare-1"]
    assert skipped == [JOBS] * 3


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), ("0", 0.0), ("inf", None), ("nan", None), ("-5", None), ("1e400", None), ("soon", None), ("", None)],
)
def test_a_pause_that_makes_no_sense_is_none(header: str, seconds: float | None) -> None:
    assert pause_of(header) == seconds


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
async def test_nobody_follows_a_redirect_with_the_token(status: int) -> None:
    heard: list[str | None] = []

    async def stranger(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Authorization"))
        return web.json_response({"metadata": {}, "items": []})

    async with serving(stranger) as elsewhere:
        target = elsewhere.replace("127.0.0.1", "localhost")

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": f"{target}{request.path}?token=s3cret"})

        async with serving(redirect) as url:
            login = Login(url, lambda: "s3cret")
            client = Client(login)
            for call in CALLS.values():
                with pytest.raises(ApiError, match=r"redirect \(\d+\) to localhost") as caught:
                    await call(client)
                assert "s3cret" not in str(caught.value)
            with pytest.raises(ApiError, match="redirect"):
                await client.log_tail("ns", "pod", 1)
            await client.close()
            streams = Streams(login, (), Times(), lambda *_: False, lambda _: None, lambda: None, {})
            session = streams._session()
            with pytest.raises(ClientError, match=r"redirect \(\d+\) to localhost") as refused:
                await session.get(f"{url}/api/v1/pods?watch=true")
            assert "s3cret" not in str(refused.value)
            # Whatever asks it for another place, the token is for the API server alone.
            await (await session.get(f"{target}/api/v1/pods")).read()
            await session.close()
    assert heard == [None]


async def test_the_workers_log_is_asked_for_and_no_more_of_it_than_fits() -> None:
    asked: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(dict(request.query))
        return web.Response(text="line\n")

    async with serving(answer) as url:
        client = Client(Login(url, lambda: None))
        assert await client.log_tail("ns", "pod", 20) == "line\n"
        await client.close()
    assert (asked[0]["container"], asked[0]["tailLines"]) == ("worker", "20")
    assert int(asked[0]["limitBytes"]) <= 1024 * 1024


@pytest.mark.parametrize(
    "told", ["15", [], {}, True, math.nan, math.inf, -1, 0, 10**30, 1e300, None, "x"], ids=lambda told: str(told)[:8]
)
async def test_a_lease_in_which_anything_is_written_is_taken_over_in_time(told: Any) -> None:
    lease = {"metadata": {"name": "lease"}, "spec": {"holderIdentity": "other", "leaseTransitions": told}}
    lease["spec"]["leaseDurationSeconds"] = told
    written: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        if request.method == "PUT":
            written.append(await request.json())
        return web.Response(text=json.dumps(written[-1] if written else lease))

    async with serving(answer) as url:
        client, clock = Client(Login(url, lambda: None)), Clock()
        elector = Elector(client, Terms("ns", "lease"), "me", clock)
        assert not await elector.try_once()
        clock.advance(600.1)
        assert await elector.try_once()
        await client.close()
    assert written[0]["spec"]["holderIdentity"] == "me"
    assert 0 <= written[0]["spec"]["leaseTransitions"] < 2**31

"""The client against a server with scripted responses: errors have types, and Retry-After is obeyed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.credentials import Credentials
from shardwright_operator.kube.errors import ApiError, Conflict, Forbidden, Invalid, NotFound, NotServed, Unavailable
from shardwright_operator.kube.kinds import CHECKPOINTS, JOBS


class Server:
    """Responds to each request with the next of `responses`: (status, headers, body)."""

    def __init__(self) -> None:
        self.responses: list[tuple[int, dict[str, str], object]] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.url = ""

    async def respond(self, request: web.Request) -> web.Response:
        self.requests.append((request.method, request.path_qs, dict(request.headers)))
        status, headers, body = self.responses.pop(0)
        return web.Response(status=status, headers=headers, text=json.dumps(body))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.respond)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
def calls() -> list[tuple[str, str, int]]:
    return []


@pytest.fixture
async def client(server: Server, calls: list[tuple[str, str, int]]) -> AsyncIterator[Client]:
    client = Client(
        Credentials(server.url, lambda: "secret"), lambda verb, kind, code, _: calls.append((verb, kind, code))
    )
    yield client
    await client.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, NotFound),
        (403, Forbidden),
        (401, Forbidden),
        (409, Conflict),
        (500, Unavailable),
        (400, Invalid),
        (413, Invalid),
        (422, Invalid),
    ],
)
async def test_an_error_has_a_type_and_the_servers_message(
    server: Server, client: Client, status: int, kind: type[ApiError]
) -> None:
    server.responses = [(status, {}, {"reason": "Because", "message": "the message", "details": {"name": "one"}})]
    with pytest.raises(kind, match="the message") as caught:
        await client.get(JOBS, "ns", "one")
    assert (caught.value.status, caught.value.reason) == (status, "Because")


@pytest.mark.parametrize("body", ["404 page not found", {"reason": "NotFound", "details": {}}])
async def test_a_404_that_names_no_object_does_not_prove_an_absence(
    server: Server, client: Client, body: object
) -> None:
    server.responses = [(404, {}, body)]
    with pytest.raises(NotServed):
        await client.get(JOBS, "ns", "one")


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_obeyed_for_writes_too(
    server: Server, client: Client, calls: list[tuple[str, str, int]], status: int
) -> None:
    server.responses = [(status, {"Retry-After": "0"}, {}), (201, {}, {"kind": "Job"})]
    assert await client.create(JOBS, "ns", {}) == {"kind": "Job"}
    assert calls == [("create", "jobs", status), ("create", "jobs", 201)]


async def test_retry_after_is_obeyed_a_limited_number_of_times(server: Server, client: Client) -> None:
    server.responses = [(429, {"Retry-After": "0"}, {})] * 20
    with pytest.raises(Unavailable):
        await client.get(JOBS, "ns", "one")
    assert 2 <= len(server.requests) <= 10


async def test_an_error_without_retry_after_is_not_retried(server: Server, client: Client) -> None:
    server.responses = [(503, {}, {})]
    with pytest.raises(Unavailable):
        await client.get(JOBS, "ns", "one")
    assert len(server.requests) == 1


async def test_no_response_is_an_api_error(calls: list[tuple[str, str, int]]) -> None:
    client = Client(
        Credentials("http://127.0.0.1:1", lambda: None), lambda verb, kind, code, _: calls.append((verb, kind, code))
    )
    with pytest.raises(Unavailable, match="get jobs"):
        await client.get(JOBS, "ns", "one")
    assert calls == [("get", "jobs", 0)]
    await client.close()


async def test_a_list_is_read_in_pages_and_starts_again_when_it_expires(server: Server, client: Client) -> None:
    server.responses = [
        (200, {}, {"metadata": {"continue": "a"}, "items": [{"n": 1}]}),
        (410, {}, {"reason": "Expired"}),
        (200, {}, {"metadata": {"continue": "b"}, "items": [{"n": 1}]}),
        (200, {}, {"metadata": {}, "items": [{"n": 2}]}),
    ]
    assert [one["n"] for one in await client.list(JOBS, None, labels="x")] == [1, 1, 2]
    paths = [path for _, path, _ in server.requests]
    assert paths[0] == "/apis/batch/v1/jobs?labelSelector=x&limit=500"
    assert "continue=a" in paths[1]
    assert "continue" not in paths[2]


async def test_a_delete_names_the_object_by_its_uid(server: Server, client: Client) -> None:
    server.responses = [(200, {}, {"kind": "Status"})]
    await client.delete(JOBS, "ns", "one", "the-uid")
    method, path, headers = server.requests[0]
    assert (method, path) == ("DELETE", "/apis/batch/v1/namespaces/ns/jobs/one")
    assert headers["Authorization"] == "Bearer secret"


async def test_status_is_applied_by_one_manager(server: Server, client: Client) -> None:
    server.responses = [(200, {}, {})]
    await client.apply_status(CHECKPOINTS, "ns", "one", {})
    _, path, headers = server.requests[0]
    assert path.endswith("/shardedcheckpoints/one/status?fieldManager=shardwright&force=true")
    assert headers["Content-Type"] == "application/apply-patch+yaml"


async def test_the_log_of_the_worker_container_is_read_up_to_a_limit(server: Server, client: Client) -> None:
    server.responses = [(200, {}, "line")]
    assert await client.log_tail("ns", "pod", 20) == '"line"'
    _, path, _ = server.requests[0]
    assert "container=worker" in path
    assert "tailLines=20" in path
    assert "limitBytes=262144" in path

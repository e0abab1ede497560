"""The fault proxy itself: each fault does to a request, or to a watch, what its name says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from tools.testing.api_requests import parse_request
from tools.testing.fault_rules import Rule
from tools.testing.faults import Crash, Delay, ErrorResponse, Fault, LostResponse
from tools.testing.proxy import Proxy
from tools.testing.watch_faults import DropEvents, DuplicateEvents, StalledWatch, TruncatedWatch, WatchError

JOBS = "/apis/batch/v1/namespaces/one/jobs"


class Server:
    """Records what reaches it; a watch delivers six Jobs and ends."""

    def __init__(self) -> None:
        self.received: list[str] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.received.append(f"{request.method} {request.path_qs}")
        if "watch" not in request.query:
            return web.json_response({"kind": "Job", "echo": (await request.read()).decode()}, status=201)
        response = web.StreamResponse()
        await response.prepare(request)
        for number in range(6):
            await response.write(
                json.dumps({"type": "ADDED", "object": number}, separators=(",", ":")).encode() + b"\n"
            )
        return response


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[Proxy]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with Proxy(f"http://127.0.0.1:{runner.addresses[0][1]}") as proxy:
        yield proxy
    await runner.cleanup()


@pytest.fixture
async def client(proxy: Proxy) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(proxy.url, trust_env=False) as session:
        yield session


async def watch(client: aiohttp.ClientSession, seconds: float = 20.0) -> list[str]:
    """Return the lines of a watch until its end; the last is the name of the error, if there was one."""
    lines: list[str] = []
    try:
        async with asyncio.timeout(seconds), client.get(f"{JOBS}?watch=true") as answer:
            async for line in answer.content:
                lines.append(line.decode().strip())  # noqa: PERF401 - keeps what came before an error
    except (aiohttp.ClientError, TimeoutError) as error:
        lines.append(type(error).__name__)
    return lines


async def test_without_a_rule_requests_pass_and_are_logged(
    proxy: Proxy, server: Server, client: aiohttp.ClientSession
) -> None:
    async with client.post(JOBS, json={"metadata": {"name": "a"}}) as answer:
        assert answer.status == 201
        assert json.loads((await answer.json())["echo"])["metadata"]["name"] == "a"
    assert len(await watch(client)) == 6
    (request,) = proxy.log.writes()
    assert (request.operation, request.object_name(), request.namespace, request.code) == (
        "create jobs",
        "a",
        "one",
        201,
    )
    assert proxy.log.watch_events["jobs"] == 6
    assert proxy.log.permissions() == {("batch", "jobs", "create"), ("batch", "jobs", "watch")}


@pytest.mark.parametrize("code", [403, 404, 409, 410, 429, 500, 503])
async def test_an_error_response_keeps_the_request_from_the_server(
    proxy: Proxy, server: Server, client: aiohttp.ClientSession, code: int
) -> None:
    proxy.add(Rule("create", "jobs", ErrorResponse(code, retry_after=1)))
    async with client.post(JOBS, json={}) as answer:
        assert answer.status == code
        assert answer.headers["Retry-After"] == "1"
        assert (await answer.json())["kind"] == "Status"
    assert not server.received


async def test_a_lost_response_is_that_of_a_request_that_took_effect(
    proxy: Proxy, server: Server, client: aiohttp.ClientSession
) -> None:
    proxy.add(Rule("create", "jobs", LostResponse()))
    with pytest.raises(aiohttp.ClientError):
        await client.post(JOBS, json={})
    assert len(server.received) == 1
    assert proxy.log.requests[0].fault == "LostResponse"


@pytest.mark.parametrize("fault", [Delay(before=60), Delay(after=60)])
async def test_a_delay_outlasts_the_client_timeout(
    proxy: Proxy, server: Server, client: aiohttp.ClientSession, fault: Delay
) -> None:
    proxy.add(Rule("create", "jobs", fault))
    with pytest.raises(TimeoutError):
        await client.post(JOBS, json={}, timeout=aiohttp.ClientTimeout(total=1))
    assert len(server.received) == (1 if fault.after else 0)


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_comes_before_or_after_the_request(
    proxy: Proxy, server: Server, client: aiohttp.ClientSession, after: bool
) -> None:
    seen: list[int] = []
    proxy.add(Rule("create", "jobs", Crash(lambda: seen.append(len(server.received)), after)))
    with pytest.raises(TimeoutError):
        await client.post(JOBS, json={}, timeout=aiohttp.ClientTimeout(total=1))
    assert seen == [1 if after else 0]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (DuplicateEvents(), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
        (DropEvents(every=3), [0, 1, 3, 4]),
        (DropEvents(every=2, type="ADDED"), [0, 2, 4]),
        (DropEvents(every=1, type="DELETED"), [0, 1, 2, 3, 4, 5]),
        (WatchError(410, events=2), [0, 1, 410]),
        (TruncatedWatch(events=2), [0, 1, "truncated"]),
        (StalledWatch(events=2), [0, 1, "stalled"]),
    ],
)
async def test_a_watch_fault(proxy: Proxy, client: aiohttp.ClientSession, fault: Fault, expected: list[object]) -> None:
    proxy.add(Rule("watch", "jobs", fault))
    lines = await watch(client, seconds=2.0 if "stalled" in expected else 20.0)
    assert [_summary(line) for line in lines][: len(expected)] == expected
    assert [_summary(line) for line in await watch(client)] == list(range(6)), "the rule is used up"


def _summary(line: str) -> object:
    if line == "TimeoutError":
        return "stalled"
    try:
        event = json.loads(line)
    except ValueError:
        return "truncated"
    return event["object"]["code"] if event["type"] == "ERROR" else event["object"]


def test_a_rule_counts_the_requests_that_it_matches() -> None:
    rule = Rule("write", "/jobs", LostResponse(), nth=2, every=3, times=2)
    request = parse_request("POST", JOBS, {}, "", b"{}")
    assert [rule.hit(request) for _ in range(9)] == [False, True, False, False, True, False, False, False, False]
    assert not rule.hit(parse_request("GET", JOBS, {}, "", b""))


@pytest.mark.parametrize(
    ("method", "path", "query", "content", "operation"),
    [
        ("GET", JOBS, {}, "", "list jobs"),
        ("GET", JOBS, {"watch": "true"}, "", "watch jobs"),
        ("GET", f"{JOBS}/a", {}, "", "get jobs"),
        ("GET", "/api/v1/namespaces/one", {}, "", "get namespaces"),
        ("GET", "/api/v1/namespaces/one/pods/a/log", {}, "", "get pods/log"),
        ("PATCH", f"{JOBS}/a", {}, "application/merge-patch+json", "patch jobs"),
        ("PATCH", f"{JOBS}/a/status", {}, "application/apply-patch+yaml", "apply jobs/status"),
        ("DELETE", f"{JOBS}/a", {}, "", "delete jobs"),
    ],
)
def test_a_request_is_parsed(method: str, path: str, query: dict[str, str], content: str, operation: str) -> None:
    assert parse_request(method, path, query, content, b"").operation == operation

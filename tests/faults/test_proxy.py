"""The proxy itself: each fault does to a call, or to a watch, what its name says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from tools.testing.api_requests import parse_request
from tools.testing.faults import Crash, Cut, Drop, Duplicate, Fault, Lost, Refusal, Rule, Silence, Slow, StreamError
from tools.testing.proxy import Proxy

JOBS = "/apis/batch/v1/namespaces/one/jobs"


class Server:
    """Counts what reaches it; a watch tells of six Jobs and ends."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.reached.append(f"{request.method} {request.path_qs}")
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
    """The lines of a watch until its end; the last is the error, if there was one."""
    lines: list[str] = []
    try:
        async with asyncio.timeout(seconds), client.get(f"{JOBS}?watch=true") as answer:
            async for line in answer.content:
                lines.append(line.decode().strip())  # noqa: PERF401 - keeps what came before an error
    except (aiohttp.ClientError, TimeoutError) as error:
        lines.append(type(error).__name__)
    return lines


async def test_without_a_rule_everything_passes_and_is_recorded(
    proxy: Proxy, server: Server, client: aiohttp.ClientSession
) -> None:
    async with client.post(JOBS, json={"metadata": {"name": "a"}}) as answer:
        assert answer.status == 201
        assert json.loads((await answer.json())["echo"])["metadata"]["name"] == "a"
    assert len(await watch(client)) == 6
    (call,) = proxy.record.writes()
    assert (call.what, call.target(), call.namespace, call.code) == ("create jobs", "a", "one", 201)
    assert proxy.record.events["jobs"] == 6
    assert proxy.record.used() == {("batch", "jobs", "create"), ("batch", "jobs", "watch")}


@pytest.mark.parametrize("code", [403, 404, 409, 410, 429, 500, 503])
async def test_a_refused_call_never_arrives(
    proxy: Proxy, server: Server, client: aiohttp.ClientSession, code: int
) -> None:
    proxy.add(Rule("create", "jobs", Refusal(code, retry_after=1)))
    async with client.post(JOBS, json={}) as answer:
        assert answer.status == code
        assert answer.headers["Retry-After"] == "1"
        assert (await answer.json())["kind"] == "Status"
    assert not server.reached


async def test_a_lost_answer_was_given(proxy: Proxy, server: Server, client: aiohttp.ClientSession) -> None:
    proxy.add(Rule("create", "jobs", Lost()))
    with pytest.raises(aiohttp.ClientError):
        await client.post(JOBS, json={})
    assert len(server.reached) == 1
    assert proxy.record.calls[0].fault == "Lost"


@pytest.mark.parametrize("fault", [Slow(before=60), Slow(after=60)])
async def test_a_slow_call_outlasts_patience(
    proxy: Proxy, server: Server, client: aiohttp.ClientSession, fault: Slow
) -> None:
    proxy.add(Rule("create", "jobs", fault))
    with pytest.raises(TimeoutError):
        await client.post(JOBS, json={}, timeout=aiohttp.ClientTimeout(total=1))
    assert len(server.reached) == (1 if fault.after else 0)


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_comes_before_or_after_the_call(
    proxy: Proxy, server: Server, client: aiohttp.ClientSession, after: bool
) -> None:
    seen: list[int] = []
    proxy.add(Rule("create", "jobs", Crash(lambda: seen.append(len(server.reached)), after)))
    with pytest.raises(TimeoutError):
        await client.post(JOBS, json={}, timeout=aiohttp.ClientTimeout(total=1))
    assert seen == [1 if after else 0]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Duplicate(), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
        (Drop(every=3), [0, 1, 3, 4]),
        (Drop(every=2, type="ADDED"), [0, 2, 4]),
        (Drop(every=1, type="DELETED"), [0, 1, 2, 3, 4, 5]),
        (StreamError(410, events=2), [0, 1, 410]),
        (Cut(events=2), [0, 1, "cut"]),
        (Silence(events=2), [0, 1, "silent"]),
    ],
)
async def test_a_watch_is_disturbed(
    proxy: Proxy, client: aiohttp.ClientSession, fault: Fault, expected: list[object]
) -> None:
    proxy.add(Rule("watch", "jobs", fault))
    lines = await watch(client, seconds=2.0 if "silent" in expected else 20.0)
    assert [_told(line) for line in lines][: len(expected)] == expected
    assert [_told(line) for line in await watch(client)] == list(range(6)), "the rule is used up"


def _told(line: str) -> object:
    if line == "TimeoutError":
        return "silent"
    try:
        event = json.loads(line)
    except ValueError:
        return "cut"
    return event["object"]["code"] if event["type"] == "ERROR" else event["object"]


def test_a_rule_counts_what_it_matches() -> None:
    rule = Rule("write", "/jobs", Lost(), nth=2, every=3, times=2)
    call = parse_request("POST", JOBS, {}, "", b"{}")
    assert [rule.hit(call) for _ in range(9)] == [False, True, False, False, True, False, False, False, False]
    assert not rule.hit(parse_request("GET", JOBS, {}, "", b""))


@pytest.mark.parametrize(
    ("method", "path", "query", "content", "told"),
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
def test_a_request_is_understood(method: str, path: str, query: dict[str, str], content: str, told: str) -> None:
    assert parse_request(method, path, query, content, b"").what == told

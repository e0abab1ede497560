"""The client against a server that answers as the test says: errors have types, and "come back later" is obeyed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.credentials import Credentials, CredentialsError, load_credentials
from shardwright_operator.kube.errors import ApiError, Conflict, Forbidden, Invalid, NotFound, NotServed, Unavailable
from shardwright_operator.kube.kinds import CHECKPOINTS, JOBS


class Server:
    """Answers each request with the next of `answers`: (status, headers, body)."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], object]] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append((request.method, request.path_qs, dict(request.headers)))
        status, headers, body = self.answers.pop(0)
        return web.Response(status=status, headers=headers, text=json.dumps(body))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
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
async def test_refusals_have_types_and_the_servers_words(
    server: Server, client: Client, status: int, kind: type[ApiError]
) -> None:
    server.answers = [(status, {}, {"reason": "Because", "message": "the words", "details": {"name": "one"}})]
    with pytest.raises(kind, match="the words") as caught:
        await client.get(JOBS, "ns", "one")
    assert (caught.value.status, caught.value.reason) == (status, "Because")


@pytest.mark.parametrize("body", ["404 page not found", {"reason": "NotFound", "details": {}}])
async def test_a_404_that_names_nothing_does_not_prove_that_the_object_is_gone(
    server: Server, client: Client, body: object
) -> None:
    server.answers = [(404, {}, body)]
    with pytest.raises(NotServed):
        await client.get(JOBS, "ns", "one")


@pytest.mark.parametrize("status", [429, 503])
async def test_come_back_later_is_obeyed_for_writes_too(
    server: Server, client: Client, calls: list[tuple[str, str, int]], status: int
) -> None:
    server.answers = [(status, {"Retry-After": "0"}, {}), (201, {}, {"kind": "Job"})]
    assert await client.create(JOBS, "ns", {}) == {"kind": "Job"}
    assert calls == [("create", "jobs", status), ("create", "jobs", 201)]


async def test_come_back_later_is_not_obeyed_for_ever(server: Server, client: Client) -> None:
    server.answers = [(429, {"Retry-After": "0"}, {})] * 20
    with pytest.raises(Unavailable):
        await client.get(JOBS, "ns", "one")
    assert 2 <= len(server.requests) <= 10


async def test_an_error_without_that_header_is_the_callers_business(server: Server, client: Client) -> None:
    server.answers = [(503, {}, {})]
    with pytest.raises(Unavailable):
        await client.get(JOBS, "ns", "one")
    assert len(server.requests) == 1


async def test_no_answer_is_an_error_of_ours(calls: list[tuple[str, str, int]]) -> None:
    client = Client(
        Credentials("http://127.0.0.1:1", lambda: None), lambda verb, kind, code, _: calls.append((verb, kind, code))
    )
    with pytest.raises(Unavailable, match="get jobs"):
        await client.get(JOBS, "ns", "one")
    assert calls == [("get", "jobs", 0)]
    await client.close()


async def test_a_list_comes_in_pages_and_begins_anew_when_it_expires(server: Server, client: Client) -> None:
    server.answers = [
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
    server.answers = [(200, {}, {"kind": "Status"})]
    await client.delete(JOBS, "ns", "one", "the-uid")
    method, path, headers = server.requests[0]
    assert (method, path) == ("DELETE", "/apis/batch/v1/namespaces/ns/jobs/one")
    assert headers["Authorization"] == "Bearer secret"


async def test_status_is_applied_by_one_manager(server: Server, client: Client) -> None:
    server.answers = [(200, {}, {})]
    await client.apply_status(CHECKPOINTS, "ns", "one", {})
    _, path, headers = server.requests[0]
    assert path.endswith("/shardedcheckpoints/one/status?fieldManager=shardwright&force=true")
    assert headers["Content-Type"] == "application/apply-patch+yaml"


def test_a_kubeconfig_is_read_and_its_token_file_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("first\n")
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "mine"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://example.test:6443/"}}],
        "users": [{"name": "u", "user": {"tokenFile": "token"}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    credentials = load_credentials(str(tmp_path / "config"))
    assert (credentials.server, credentials.namespace, credentials.token()) == (
        "https://example.test:6443",
        "mine",
        "first",
    )
    (tmp_path / "token").write_text("second\n")
    assert credentials.token() == "first", "kept for a minute"
    clock = [10_000_000.0]
    monkeypatch.setattr("shardwright_operator.kube.credentials.time.monotonic", lambda: clock[0])
    assert credentials.token() == "second"


def logged_in(tmp_path: Path, user: dict[str, object], server: str = "https://example.test") -> Credentials:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    return load_credentials(str(tmp_path / "config"))


def test_a_token_that_cannot_be_read_anew_is_used_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, clock = tmp_path / "token", [10_000_000.0]
    file.write_text("first")
    credentials = logged_in(tmp_path, {"tokenFile": "token"})
    monkeypatch.setattr("shardwright_operator.kube.credentials.time.monotonic", lambda: clock[0])
    assert credentials.token() == "first"
    for content in (None, b"", b"\xff", b"two\r\nX-Header: lines"):
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        clock[0] += 100
        assert credentials.token() == "first"
    file.write_text("second")
    clock[0] += 10
    assert credentials.token() == "second"


ECHO = {"apiVersion": "client.authentication.k8s.io/v1", "command": "echo"}


@pytest.mark.parametrize(
    "user",
    [
        {"tokenFile": "absent"},
        {"exec": {**ECHO, "command": "false"}},
        {"exec": {**ECHO, "command": "no-such-program"}},
        *(
            {"exec": {**ECHO, "args": [told]}}
            for told in ("no JSON", "[]", '{"status": 5}', '{"status": {"token": "a b"}}')
        ),
    ],
)
async def test_without_a_token_a_call_is_an_error_like_any_other(
    tmp_path: Path, server: Server, user: dict[str, object]
) -> None:
    client = Client(logged_in(tmp_path, user, server.url))
    with pytest.raises(Unavailable, match="get jobs"):
        await client.get(JOBS, "ns", "one")
    await client.close()
    assert not server.requests


def test_a_plugin_gives_the_token(tmp_path: Path) -> None:
    answer = json.dumps({"status": {"token": "from-plugin"}})
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "echo", "args": [answer]}
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://example.test"}}],
        "users": [{"name": "u", "user": {"exec": plugin}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    assert load_credentials(str(tmp_path / "config")).token() == "from-plugin"


def test_no_way_to_log_in_is_said(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="no kubeconfig at"):
        load_credentials(str(tmp_path / "absent"))


async def test_the_log_of_the_worker_container_is_read_up_to_a_limit(server: Server, client: Client) -> None:
    server.answers = [(200, {}, "line")]
    assert await client.log_tail("ns", "pod", 20) == '"line"'
    _, path, _ = server.requests[0]
    assert "container=worker" in path
    assert "tailLines=20" in path
    assert "limitBytes=262144" in path

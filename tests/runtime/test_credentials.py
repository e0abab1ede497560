"""Credentials: a kubeconfig is read, tokens are read again, and without one no request is sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiohttp import web

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.credentials import Credentials, load_credentials
from shardwright_operator.kube.errors import Unavailable
from shardwright_operator.kube.kinds import JOBS
from shardwright_operator.kube.tokens import CredentialsError
from tests.runtime.web import serving


def test_a_token_file_is_read_again_after_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert credentials.token() == "first", "cached for a minute"
    clock = [10_000_000.0]
    monkeypatch.setattr("shardwright_operator.kube.tokens.time.monotonic", lambda: clock[0])
    assert credentials.token() == "second"


def credentials_of(tmp_path: Path, user: dict[str, object], server: str = "https://example.test") -> Credentials:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    return load_credentials(str(tmp_path / "config"))


def test_the_last_token_is_used_while_it_cannot_be_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, clock = tmp_path / "token", [10_000_000.0]
    file.write_text("first")
    credentials = credentials_of(tmp_path, {"tokenFile": "token"})
    monkeypatch.setattr("shardwright_operator.kube.tokens.time.monotonic", lambda: clock[0])
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
            {"exec": {**ECHO, "args": [printed]}}
            for printed in ("no JSON", "[]", '{"status": 5}', '{"status": {"token": "a b"}}')
        ),
    ],
)
async def test_without_a_token_no_request_is_sent(tmp_path: Path, user: dict[str, object]) -> None:
    requests: list[str] = []

    async def respond(request: web.Request) -> web.Response:
        requests.append(request.path)
        return web.json_response({})

    async with serving(respond) as url:
        client = Client(credentials_of(tmp_path, user, url))
        with pytest.raises(Unavailable, match="get jobs"):
            await client.get(JOBS, "ns", "one")
        await client.close()
    assert not requests


def test_an_exec_plugin_prints_the_token(tmp_path: Path) -> None:
    printed = json.dumps({"status": {"token": "from-plugin"}})
    assert credentials_of(tmp_path, {"exec": {**ECHO, "args": [printed]}}).token() == "from-plugin"


def test_missing_credentials_name_what_was_tried(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="no kubeconfig at"):
        load_credentials(str(tmp_path / "absent"))

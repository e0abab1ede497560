"""The HTTP handler of a Hub server: model info, file tree, files and the storage that large files redirect to."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from tools.testing.hub_faults import HubFaults
from tools.testing.hub_listing import model_info, tree
from tools.testing.hub_repository import LARGE, Repository, git_id

TOKEN = "hf_" + "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zC0fL"
SIGNATURE = "X-Amz-Credential=AKIDEXAMPLE&X-Amz-Signature=5d41402abc4b2a76b9719d911017c592"
_INFO = re.compile(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?")
_TREE = re.compile(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


class Request(NamedTuple):
    """A request that the server has received. `start` is where its range begins."""

    method: str
    path: str
    start: int


@dataclass
class HubState:
    """What a server serves, how it fails, and what it has received."""

    repositories: dict[str, Repository]
    faults: HubFaults = field(default_factory=HubFaults)
    requests: list[Request] = field(default_factory=list)


class HubHandler(BaseHTTPRequestHandler):
    """Handles the requests to one Hub server.

    Headers: https://github.com/huggingface/huggingface_hub/blob/v2.4.0/src/huggingface_hub/constants.py#L94
    """

    hub: HubState
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def do_HEAD(self) -> None:
        self._serve(body=False)

    def do_GET(self) -> None:
        self._serve(body=True)

    def _serve(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(Request(self.command, path, self._start()))
        for part, status in self.hub.faults.statuses.items():
            if part in path and self.hub.faults.failures != 0:
                self.hub.faults.failures -= 1
                return self._fail(status, "")
        if match := _INFO.fullmatch(path):
            return self._info(match.group(1), match.group(2) or "main")
        if (match := _TREE.fullmatch(path)) and "tree" not in self.hub.faults.omits:
            return self._tree(match.group(1), match.group(2))
        if match := _FILE.fullmatch(path):
            return self._resolve(match.group(1), match.group(2), match.group(3), body)
        if path.startswith("/storage/"):
            repo, name = path.removeprefix("/storage/").split("|", 1)
            return self._content(name, self.hub.repositories[repo].files[name], body)
        return self._fail(404, "")

    def _info(self, name: str, revision: str) -> None:
        if repository := self._at_revision(name, revision):
            self._json(model_info(name, repository, self.hub.faults))

    def _tree(self, name: str, revision: str) -> None:
        if repository := self._at_revision(name, revision):
            self._json(tree(repository))

    def _resolve(self, name: str, revision: str, file: str, body: bool) -> None:
        repository = self._visible(name)
        if repository is None:
            return None
        if repository.gated:
            return self._fail(403 if self._token() else 401, "GatedRepo")
        if not repository.has_revision(revision):
            return self._fail(404, "RevisionNotFound")
        if file not in repository.files:
            return self._fail(404, "EntryNotFound")
        data = repository.files[file]
        if not body and "head" in self.hub.faults.omits:
            return self._fail(405, "")
        faults = self.hub.faults
        if not file.endswith(LARGE) or "links" in faults.omits:
            etag = faults.etag(data) if faults.etag else git_id(file, data)
            checksum = {"X-Checksum-Sha256": hashlib.sha256(data).hexdigest()} if faults.checksums else {}
            return self._content(file, data, body, {"X-Repo-Commit": repository.sha, "ETag": f'"{etag}"', **checksum})
        self.send_response(302)
        self.send_header("Location", f"/storage/{name}|{file}?{SIGNATURE}")
        self.send_header("X-Repo-Commit", repository.sha)
        self.send_header("X-Linked-Size", str(len(data)))
        self.send_header("X-Linked-Etag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    def _content(self, name: str, data: bytes, body: bool, headers: dict[str, str] | None = None) -> None:
        faults = self.hub.faults
        start = self._start()
        if name in faults.wrong:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        for header, value in (headers or {}).items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if not body:
            return
        cuts = faults.cuts.get(name, [])
        end = start + cuts.pop(0) if cuts else len(data)
        if name in faults.holds and not faults.release.is_set():
            self._send(data[start : faults.holds[name]])
            faults.holding.set()
            faults.release.wait()
            start = faults.holds[name]
        self._send(data[start:end])
        self.close_connection = self.close_connection or end < len(data)

    def _send(self, data: bytes) -> None:
        try:
            self.wfile.write(data)
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # the client is gone

    def _visible(self, name: str) -> Repository | None:
        token = self._token()
        if token not in ("", TOKEN):
            self._fail(401, "", "Invalid credentials in Authorization header")
            return None
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and not token):
            self._fail(404 if token else 401, "RepoNotFound")
            return None
        return repository

    def _at_revision(self, name: str, revision: str) -> Repository | None:
        repository = self._visible(name)
        if repository is None or repository.has_revision(revision):
            return repository
        self._fail(404, "RevisionNotFound")
        return None

    def _token(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def _start(self) -> int:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        return int(match.group(1)) if match else 0

    def _json(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _fail(self, status: int, code: str, message: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", message or code or "fault")
        if self.hub.faults.retry_after:
            self.send_header("Retry-After", self.hub.faults.retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

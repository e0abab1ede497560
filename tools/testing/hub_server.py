"""A hub on loopback that speaks the Hugging Face protocol as far as the real client needs it, faults included."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

TOKEN = "hf_" + "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zC0fL"
SIGNATURE = "X-Amz-Credential=AKIDEXAMPLE&X-Amz-Signature=5d41402abc4b2a76b9719d911017c592"
_LARGE = (".safetensors", ".bin", ".model")
_API = re.compile(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?")
_TREE = re.compile(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


@dataclass
class Repository:
    """A model's repository: its files at one commit. `private` hides it from strangers, `gated` its files from all."""

    files: dict[str, bytes]
    private: bool = False
    gated: bool = False
    branches: tuple[str, ...] = ("main",)
    calls_itself: str = ""  # what is stated as the commit instead

    @property
    def commit(self) -> str:
        """Changes with any file."""
        content = sorted((name, hashlib.sha1(data).hexdigest()) for name, data in self.files.items())
        return hashlib.sha1(json.dumps(content).encode()).hexdigest()

    def knows(self, revision: str) -> bool:
        """Whether there is such a branch or commit."""
        return revision in (*self.branches, self.commit, self.calls_itself)

    @property
    def sha(self) -> str:
        """What it states as its commit."""
        return self.calls_itself or self.commit


class Request(NamedTuple):
    """A request that the hub has seen. `start` is where its range begins."""

    method: str
    path: str
    start: int


@dataclass
class Faults:
    """What goes wrong, by file name; `statuses` by a part of the path."""

    statuses: dict[str, int] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)  # each answer in turn breaks off after so many bytes
    wrong: set[str] = field(default_factory=set)  # arrive with a changed byte
    omits: set[str] = field(
        default_factory=set
    )  # what a mirror leaves out: sha, siblings, size, blobId, lfs, tree, head, links (large files come from it, too)
    etag: Callable[[bytes], str] | None = None  # of content, instead of Git's name for it
    checksums: bool = False  # X-Checksum-Sha256 is stated
    sizes: dict[str, object] = field(default_factory=dict)  # what is stated instead of a file's size
    retry_after: str = ""  # header of failing answers
    failures: int = -1  # so many answers fail, then none; all do if negative
    holds: dict[str, int] = field(default_factory=dict)  # stop after so many bytes until `release` is set
    release: threading.Event = field(default_factory=threading.Event)
    holding: threading.Event = field(default_factory=threading.Event)


class HubServer:
    """The server, as a context manager."""

    def __init__(self, **repositories: Repository) -> None:
        self.repositories = {name.replace("__", "/"): repository for name, repository in repositories.items()}
        self.faults = Faults()
        self.requests: list[Request] = []
        self.sent: defaultdict[str, int] = defaultdict(int)
        hub = self

        class Bound(_Handler):
            owner = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="hub", daemon=True)

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def downloads(self, name: str) -> list[Request]:
        """The requests for a file's content."""
        return [request for request in self.requests if request.method == "GET" and request.path.endswith(f"/{name}")]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.faults.release.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.owner.requests.append(Request(self.command, path, self._start()))
        for part, status in self.owner.faults.statuses.items():
            if part in path and self.owner.faults.failures != 0:
                self.owner.faults.failures -= 1
                return self._fail(status, "")
        if match := _API.fullmatch(path):
            return self._info(match.group(1), match.group(2) or "main")
        if (match := _TREE.fullmatch(path)) and "tree" not in self.owner.faults.omits:
            return self._tree(match.group(1), match.group(2))
        if match := _FILE.fullmatch(path):
            return self._resolve(match.group(1), match.group(2), match.group(3), body)
        if path.startswith("/storage/"):
            repo, name = path.removeprefix("/storage/").split("|", 1)
            return self._content(name, self.owner.repositories[repo].files[name], body)
        return self._fail(404, "")

    def _info(self, name: str, revision: str) -> None:
        repository = self._visible(name)
        if repository is None:
            return None
        if not repository.knows(revision):
            return self._fail(404, "RevisionNotFound")
        faults = self.owner.faults
        siblings = [_sibling(file, data, faults) for file, data in repository.files.items()]
        answer = {"id": name, "modelId": name, "sha": repository.sha, "private": False, "tags": []}
        answer = {**answer, "downloads": 0, "likes": 0, "siblings": siblings}
        return self._json({key: value for key, value in answer.items() if key not in faults.omits})

    def _tree(self, name: str, revision: str) -> None:
        repository = self._visible(name)
        if repository is None:
            return None
        if not repository.knows(revision):
            return self._fail(404, "RevisionNotFound")
        return self._json(
            [
                {"type": "file", "path": file, "size": len(data), "oid": _git_id(file, data)}
                | (
                    {"lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}}
                    if file.endswith(_LARGE)
                    else {}
                )
                for file, data in repository.files.items()
            ]
        )

    def _resolve(self, name: str, revision: str, file: str, body: bool) -> None:
        repository = self._visible(name)
        if repository is None:
            return None
        if repository.gated:
            return self._fail(403 if self._token() else 401, "GatedRepo")
        if not repository.knows(revision):
            return self._fail(404, "RevisionNotFound")
        if file not in repository.files:
            return self._fail(404, "EntryNotFound")
        data = repository.files[file]
        if not body and "head" in self.owner.faults.omits:
            return self._fail(405, "")
        faults = self.owner.faults
        if not file.endswith(_LARGE) or "links" in faults.omits:
            etag = faults.etag(data) if faults.etag else _git_id(file, data)
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
        faults = self.owner.faults
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
        repository = self.owner.repositories.get(name)
        if repository is None or (repository.private and not token):
            self._fail(404 if token else 401, "RepoNotFound")
            return None
        return repository

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
        if self.owner.faults.retry_after:
            self.send_header("Retry-After", self.owner.faults.retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _sibling(name: str, data: bytes, faults: Faults) -> dict[str, Any]:
    size = faults.sizes.get(name, len(data))
    plain = {"rfilename": name, "size": size, "blobId": _git_id(name, data)}
    if name.endswith(_LARGE):
        large = {"sha256": hashlib.sha256(data).hexdigest(), "size": size, "pointerSize": 134}
        plain["lfs"] = None if "lfs" in faults.omits else large
    return {key: value for key, value in plain.items() if key not in faults.omits - {"lfs"}}


def _git_id(name: str, data: bytes) -> str:
    """Git's name for a file: of a large one, for the pointer that Git LFS keeps in its place."""
    if name.endswith(_LARGE):
        digest = hashlib.sha256(data).hexdigest()
        data = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n".encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

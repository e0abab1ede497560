"""A Hub server on loopback: the part of the Hugging Face Hub's protocol that huggingface_hub uses, and faults."""

from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tools.testing.hub_handler import HubHandler, HubState, Request
from tools.testing.hub_repository import Repository


class HubServer(HubState):
    """The server, as a context manager; two underscores in a repository's name stand for the slash."""

    def __init__(self, **repositories: Repository) -> None:
        super().__init__({name.replace("__", "/"): repository for name, repository in repositories.items()})
        handler = type("Handler", (HubHandler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="hub", daemon=True)

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def downloads(self, name: str) -> list[Request]:
        """Return the requests for a file's content."""
        return [request for request in self.requests if request.method == "GET" and request.path.endswith(f"/{name}")]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.faults.release.set()
        self._server.shutdown()
        self._server.server_close()

"""A minimal client of the Kubernetes API on the standard library, since the cluster starts before any venv exists."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tools.cluster.errors import ClusterError


class Api:
    """Calls one API server with one token."""

    def __init__(self, url: str, ca: Path, token: str) -> None:
        self._url, self._token = url, token
        self._context = ssl.create_default_context(cafile=str(ca))
        handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._context))
        self._opener = urllib.request.build_opener(*handlers)

    def call(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        """Send one request, and return the response, parsed if it is JSON.

        Raises:
            urllib.error.HTTPError: the API server rejected it.
            OSError: there was no response.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind, "Accept": "application/json"}
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        with self._opener.open(request, timeout=15) as answer:
            text = answer.read().decode()
        return json.loads(text) if text.startswith(("{", "[")) else text

    def lines(self, path: str, seconds: float = 30) -> Iterator[bytes]:
        """Yield the lines of a streamed response, such as a watch, until it ends.

        Raises:
            OSError: no line arrived for this number of seconds.
        """
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        with self._opener.open(urllib.request.Request(self._url + path, headers=headers), timeout=seconds) as answer:
            yield from answer

    def apply(self, path: str, thing: dict[str, Any]) -> Any:
        """Apply one object at its path.

        https://kubernetes.io/docs/reference/using-api/server-side-apply/
        """
        return self.call("PATCH", f"{path}?fieldManager=cluster&force=true", thing, "application/apply-patch+yaml")

    def ready(self) -> bool:
        """Return whether the API server is ready.

        https://kubernetes.io/docs/reference/using-api/health-checks/
        """
        return self.answers("/readyz")

    def answers(self, path: str) -> bool:
        """Return whether a GET of this path succeeds."""
        try:
            self.call("GET", path)
        except (OSError, ValueError):
            return False
        return True


def wait_until(check: Callable[[], bool], what: str, seconds: float, alive: Callable[[], str] = lambda: "") -> None:
    """Poll until `check` returns True.

    Raises:
        ClusterError: it does not within `seconds`, or `alive` returns the description of a process that has exited.
    """
    deadline = time.monotonic() + seconds
    while not check():
        if dead := alive():
            raise ClusterError(f"{dead} while waiting for {what}")
        if time.monotonic() > deadline:
            raise ClusterError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.1)

"""Watches resources and Jobs, independently of the operator, and keeps every version of them in order."""

from __future__ import annotations

import json
import threading
import urllib.error
from dataclasses import dataclass
from http.client import HTTPException
from types import TracebackType
from typing import Any, Self

from shardwright_operator.api.names import API_VERSION, CHECKPOINT, PLURAL
from tools.cluster.api import Api

LABEL = CHECKPOINT
_PATHS = {"resource": f"/apis/{API_VERSION}/{PLURAL}", "job": "/apis/batch/v1/jobs"}


@dataclass(frozen=True)
class Version:
    """One version of an object. `kind` is resource or job; `number` is the resource version, which orders all writes.

    `listed`: it was found by a list, so versions before it may be missing.
    """

    kind: str
    number: int
    deleted: bool
    object: Any
    listed: bool = False

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.object["metadata"]["name"])

    @property
    def checkpoint(self) -> str:
        """The name of the resource; of a Job, the name of the resource that it belongs to."""
        return self.name if self.kind == "resource" else str(self.object["metadata"]["labels"][LABEL])


class HistoryRecorder:
    """Two watches in threads, which reconnect when the API server restarts; a context manager."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._stop = threading.Event()
        self._versions: dict[str, list[Version]] = {}
        self._latest: dict[str, dict[tuple[str, str], Any]] = {}
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._follow, args=(kind,), daemon=True) for kind in _PATHS]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()  # the threads end with their present watch, at the latest with the process

    def versions(self, namespace: str) -> list[Version]:
        """Return all versions of a namespace's objects, in the order in which they were written."""
        with self._lock:
            return sorted(self._versions.get(namespace, []), key=lambda version: version.number)

    def latest(self, namespace: str, kind: str) -> dict[str, Any]:
        """Return the present objects of a kind, by name."""
        with self._lock:
            found = self._latest.get(namespace, {})
            return {name: thing for (one, name), thing in found.items() if one == kind}

    def _follow(self, kind: str) -> None:
        version = ""
        while not self._stop.is_set():
            try:
                version = version or self._list(kind)
                for line in self._api.lines(f"{_PATHS[kind]}?watch=true&timeoutSeconds=60&resourceVersion={version}"):
                    version = self._take(kind, json.loads(line)) or version
                    if self._stop.is_set():
                        return
            except urllib.error.HTTPError as error:
                version = "" if error.code == 410 else version
                self._stop.wait(0.2)
            except (OSError, ValueError, HTTPException):
                self._stop.wait(0.2)

    def _list(self, kind: str) -> str:
        listed = self._api.call("GET", _PATHS[kind])
        present = {thing["metadata"]["uid"] for thing in listed["items"]}
        for thing in listed["items"]:
            self._record(kind, thing, deleted=False, listed=True)
        with self._lock:
            known = [thing for latest in self._latest.values() for (one, _), thing in latest.items() if one == kind]
        for thing in known:
            if thing["metadata"]["uid"] not in present:
                self._record(kind, thing, deleted=True, listed=True)
        return str(listed["metadata"]["resourceVersion"])

    def _take(self, kind: str, event: Any) -> str:
        if event["type"] == "ERROR":
            return self._list(kind)  # the version has expired
        self._record(kind, event["object"], event["type"] == "DELETED")
        return str(event["object"]["metadata"]["resourceVersion"])

    def _record(self, kind: str, thing: Any, deleted: bool, listed: bool = False) -> None:
        metadata = thing["metadata"]
        if kind == "job" and LABEL not in metadata.get("labels", {}):
            return
        with self._lock:
            version = Version(kind, int(metadata["resourceVersion"]), deleted, thing, listed)
            self._versions.setdefault(metadata["namespace"], []).append(version)
            latest = self._latest.setdefault(metadata["namespace"], {})
            if deleted:
                latest.pop((kind, metadata["name"]), None)
            else:
                latest[kind, metadata["name"]] = thing

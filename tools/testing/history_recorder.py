"""Watches resources and Jobs directly, beside the operator, and keeps every version of them in their order."""

from __future__ import annotations

import json
import threading
import urllib.error
from dataclasses import dataclass
from http.client import HTTPException
from types import TracebackType
from typing import Any, Self

from tools.cluster.api import Api

_PATHS = {"resource": "/apis/shardwright.io/v1alpha1/shardedcheckpoints", "job": "/apis/batch/v1/jobs"}


@dataclass(frozen=True)
class Event:
    """One version of an object: `kind` is resource or job, `version` its place among all writes to the cluster.

    `listed`: it was found by a list, so that versions before it may be missing.
    """

    kind: str
    version: int
    deleted: bool
    object: Any
    listed: bool = False

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.object["metadata"]["name"])

    @property
    def checkpoint(self) -> str:
        """The name of the resource that this is, or is for."""
        return self.name if self.kind == "resource" else str(self.object["metadata"]["labels"][LABEL])


LABEL = "shardwright.io/checkpoint"


class HistoryRecorder:
    """Two watches in threads, which survive restarts of the API server; a context manager."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._stop = threading.Event()
        self._events: dict[str, list[Event]] = {}
        self._latest: dict[str, dict[tuple[str, str], Any]] = {}
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._follow, args=(kind,), daemon=True) for kind in _PATHS]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()  # the threads end with their present watch, at the latest with the process

    def events(self, namespace: str) -> list[Event]:
        """What happened in a namespace, in the order in which it was written."""
        with self._lock:
            return sorted(self._events.get(namespace, []), key=lambda event: event.version)

    def latest(self, namespace: str, kind: str) -> dict[str, Any]:
        """The objects of a kind that are there now, by name."""
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
        there = {thing["metadata"]["uid"] for thing in listed["items"]}
        for thing in listed["items"]:
            self._note(kind, thing, deleted=False, listed=True)
        with self._lock:
            known = [thing for latest in self._latest.values() for (one, _), thing in latest.items() if one == kind]
        for thing in known:
            if thing["metadata"]["uid"] not in there:
                self._note(kind, thing, deleted=True, listed=True)
        return str(listed["metadata"]["resourceVersion"])

    def _take(self, kind: str, event: Any) -> str:
        if event["type"] == "ERROR":
            return self._list(kind)  # the version has expired
        self._note(kind, event["object"], event["type"] == "DELETED")
        return str(event["object"]["metadata"]["resourceVersion"])

    def _note(self, kind: str, thing: Any, deleted: bool, listed: bool = False) -> None:
        metadata = thing["metadata"]
        if kind == "job" and LABEL not in metadata.get("labels", {}):
            return
        with self._lock:
            event = Event(kind, int(metadata["resourceVersion"]), deleted, thing, listed)
            self._events.setdefault(metadata["namespace"], []).append(event)
            latest = self._latest.setdefault(metadata["namespace"], {})
            if deleted:
                latest.pop((kind, metadata["name"]), None)
            else:
                latest[kind, metadata["name"]] = thing

"""What a watch says, line by line, read before kopf sees it: kopf gets no more than who each object is.

kopf ends all watches at an object that is not as it expects, and copies each object several times. Here each object
becomes an entry for the cache, or is skipped; a line that tells kopf nothing becomes a bookmark, so that the watch goes
on from the version of the object.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp

from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.kinds import Kind
from shardwright_operator.kube.responses import read_object
from shardwright_operator.runtime.deltas import News, Seen

# Gives what is to be kept of an object, None if it cannot be read.
Read = Callable[[Kind, Mapping[str, Any]], Any]
Knows = Callable[[Kind, Key, str, int], bool]

_OBJECTS = ("ADDED", "MODIFIED", "DELETED")


class Lines:
    """The content of a watch's answer with each line changed; everything else is the content's own."""

    def __init__(self, content: aiohttp.StreamReader, change: Callable[[bytes], bytes]) -> None:
        self._content, self._change = content, change

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Whole lines. What comes last without its end is given as it is: it is no event."""
        rest = bytearray()
        async for piece in self._content.iter_chunked(size):
            *whole, last = piece.split(b"\n")
            for line in whole:
                rest += line
                if rest:
                    yield self._change(bytes(rest)) + b"\n"
                rest.clear()
            rest += last
        if rest:
            yield bytes(rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)


class Reader:
    """Turns the lines of a kind's watch into news; `take` gives those that kopf has come to."""

    def __init__(self, kind: Kind, read: Read, knows: Knows) -> None:
        self._kind, self._read, self._knows = kind, read, knows
        self._news: dict[str, Seen] = {}  # uid -> the newest, until kopf asks for it

    def change(self, line: bytes) -> bytes:
        """The line that kopf gets. One that is no event at all stays as it is: whoever says so is no API server."""
        try:
            event = read_object(line)
        except ValueError:
            return line
        if event.get("type") not in _OBJECTS:
            return line
        raw = event.get("object")
        seen = self._seen(event["type"], raw)
        if seen is None:
            return _bookmark(raw)
        self._news[seen.uid] = seen
        metadata = {"namespace": seen.key.namespace, "name": seen.key.name, "uid": seen.uid}
        version = _version(raw)
        known = {**metadata, "resourceVersion": version} if version else metadata
        identity = {"apiVersion": self._kind.api_version, "kind": self._kind.kind, "metadata": known}
        return json.dumps({"type": event["type"], "object": identity}).encode()

    def take(self, uid: str) -> News | None:
        """What is new about the object with this uid, once: several events in a row are one."""
        return self._news.pop(uid, None)

    def _seen(self, change: str, raw: Any) -> Seen | None:
        """The news in an event, None if it is none or cannot be read."""
        gone = change == "DELETED"
        entry = self._read(self._kind, _identity(raw) if gone else raw)
        if entry is None or (not gone and self._knows(self._kind, entry.key, entry.uid, entry.version)):
            return None
        return Seen(self._kind, entry.key, entry.uid, None if gone else entry)


def _identity(raw: Any) -> Any:
    """What says which object it is: enough of one that is gone, however odd the rest of it."""
    metadata = raw.get("metadata") if isinstance(raw, dict) else None
    if not isinstance(metadata, dict):
        return raw
    return {"metadata": {part: metadata.get(part) for part in ("namespace", "name", "uid")}}


def _bookmark(raw: Any) -> bytes:
    version = _version(raw)
    metadata = {"metadata": {"resourceVersion": version}} if version else {}
    return json.dumps({"type": "BOOKMARK", "object": metadata}).encode()


def _version(raw: Any) -> str:
    """The version from which the watch goes on after this object, if it says a sensible one."""
    metadata = raw.get("metadata") if isinstance(raw, dict) else None
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    fits = isinstance(version, str) and version.isascii() and version.isdigit() and len(version) <= 20
    return str(version) if fits else ""

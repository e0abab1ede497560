"""Reads the lines of a watch before kopf does, and leaves kopf only the identity of each object.

kopf copies each object several times, and ends all watches at one that it cannot read. Here each object becomes a
cache entry or is skipped. A line without a delta becomes a bookmark, so that the watch still resumes from that
object's resourceVersion: https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp

from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.kinds import Kind
from shardwright_operator.kube.responses import read_object
from shardwright_operator.runtime.deltas import ObjectDelta

# Returns the cache entry of an object, None if it cannot be read.
Read = Callable[[Kind, Mapping[str, Any]], Any]
# Whether the cache has this version of an object, or a newer one.
IsKnown = Callable[[Kind, Key, str, int], bool]

_OBJECT_EVENTS = ("ADDED", "MODIFIED", "DELETED")


class RewrittenLines:
    """The content of a watch response with each line rewritten; every other attribute is the content's own.

    kopf reads a watch by `iter_chunked` alone:
    https://github.com/nolar/kopf/blob/1.45.2/kopf/_cogs/clients/api.py#L327
    """

    def __init__(self, content: aiohttp.StreamReader, rewrite: Callable[[bytes], bytes]) -> None:
        self._content, self._rewrite = content, rewrite

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield whole lines. An unterminated last line is not an event, and is passed on unchanged."""
        rest = bytearray()
        async for chunk in self._content.iter_chunked(size):
            *whole, last = chunk.split(b"\n")
            for line in whole:
                rest += line
                if rest:
                    yield self._rewrite(bytes(rest)) + b"\n"
                rest.clear()
            rest += last
        if rest:
            yield bytes(rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)


class WatchDecoder:
    """Turns the lines of one kind's watch into deltas, which wait here until kopf calls the object's handler."""

    def __init__(self, kind: Kind, read: Read, is_known: IsKnown) -> None:
        self._kind, self._read, self._is_known = kind, read, is_known
        self._deltas: dict[str, ObjectDelta] = {}  # uid -> the newest

    def rewrite(self, line: bytes) -> bytes:
        """Return the line that kopf reads instead. A line that is not an object's event is returned unchanged."""
        try:
            event = read_object(line)
        except ValueError:
            return line
        if event.get("type") not in _OBJECT_EVENTS:
            return line
        raw = event.get("object")
        delta = self._delta(event["type"], raw)
        if delta is None:
            return _bookmark(raw)
        self._deltas[delta.uid] = delta
        metadata = {"namespace": delta.key.namespace, "name": delta.key.name, "uid": delta.uid}
        if version := _resource_version(raw):
            metadata["resourceVersion"] = version
        identity = {"apiVersion": self._kind.api_version, "kind": self._kind.kind, "metadata": metadata}
        return json.dumps({"type": event["type"], "object": identity}).encode()

    def pop(self, uid: str) -> ObjectDelta | None:
        """Return the newest delta of the object with this uid, once: later calls for merged events return None."""
        return self._deltas.pop(uid, None)

    def _delta(self, event_type: str, raw: Any) -> ObjectDelta | None:
        """Return the delta of an event, None if the object is malformed or the cache has this version already."""
        deleted = event_type == "DELETED"
        entry = self._read(self._kind, _identity(raw) if deleted else raw)
        # The events of our own writes report what the cache has had since the write was answered.
        if entry is None or (not deleted and self._is_known(self._kind, entry.key, entry.uid, entry.version)):
            return None
        return ObjectDelta(self._kind, entry.key, entry.uid, None if deleted else entry)


def _identity(raw: Any) -> Any:
    """Return the identity of a deleted object: enough to remove it, however malformed the rest of it is."""
    metadata = raw.get("metadata") if isinstance(raw, dict) else None
    if not isinstance(metadata, dict):
        return raw
    return {"metadata": {field: metadata.get(field) for field in ("namespace", "name", "uid")}}


def _bookmark(raw: Any) -> bytes:
    version = _resource_version(raw)
    metadata = {"metadata": {"resourceVersion": version}} if version else {}
    return json.dumps({"type": "BOOKMARK", "object": metadata}).encode()


def _resource_version(raw: Any) -> str:
    """Return the version from which the watch resumes after this object, empty if it is not a well-formed one.

    https://github.com/kubernetes/apimachinery/blob/v0.36.3/pkg/util/resourceversion/resourceversion.go#L45
    """
    metadata = raw.get("metadata") if isinstance(raw, dict) else None
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    well_formed = isinstance(version, str) and version.isascii() and version.isdigit() and len(version) <= 20
    return str(version) if well_formed else ""

"""Records Kubernetes Events on resources: in the background, repeated ones as a series, and with a limited rate.

https://github.com/kubernetes/api/blob/v0.36.3/events/v1/types.go#L34
"""

import asyncio
import hashlib
import logging
import os
import socket
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shardwright_operator.api.names import CONTROLLER
from shardwright_operator.decide.observed import Resource
from shardwright_operator.decide.plan import Event
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import ApiError, Conflict, NotFound
from shardwright_operator.kube.kinds import CHECKPOINTS, EVENTS
from shardwright_operator.kube.token_bucket import TokenBucket
from shardwright_operator.kube.wall_clock import micro_time
from shardwright_worker.contract.text import one_line

log = logging.getLogger(__name__)

_SERIES_LIMIT = 4096  # series that are remembered, as in client-go
_QUEUE_LIMIT = 2000  # Events that wait to be written; the oldest are dropped
_SERIES_RATE, _SERIES_BURST = 1 / 60, 5  # writes a second of one series; the rest are counted
_LARGEST_COUNT = 2**31 - 1  # series.count is an int32
# https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/apis/core/validation/events.go#L38
_NOTE_BYTES = 1024


@dataclass(frozen=True, slots=True)
class _Regarding:
    namespace: str
    name: str
    uid: str


@dataclass(slots=True)
class _Series:
    count: int
    bucket: TokenBucket


class EventRecorder:
    """Takes Events at any time without waiting; `run` writes them.

    `identity` names this replica. `rate` and `burst` limit the writes a second of all Events together. `on_drop` is
    called for each Event that is lost.
    """

    def __init__(
        self,
        client: Client,
        identity: str = "",
        rate: float = 50.0,
        burst: int = 200,
        on_drop: Callable[[], None] = lambda: None,
    ) -> None:
        self._client, self._on_drop = client, on_drop
        self._identity = (identity or f"{socket.gethostname()}-{os.getpid()}")[:128]
        self._bucket = TokenBucket(rate, burst)
        self._queue: deque[tuple[_Regarding, Event]] = deque(maxlen=_QUEUE_LIMIT)
        self._series: OrderedDict[str, _Series] = OrderedDict()
        self._queued, self._drained = asyncio.Event(), asyncio.Event()
        self._drained.set()

    def record(self, resource: Resource, event: Event) -> None:
        """Queue an Event about this resource."""
        if len(self._queue) == self._queue.maxlen:
            self._on_drop()
        event = Event(event.type, one_line(event.reason, 128), one_line(event.message), one_line(event.action, 128))
        self._queue.append((_Regarding(resource.namespace, resource.name, resource.uid), event))
        self._queued.set()
        self._drained.clear()

    async def run(self) -> None:
        """Write Events until cancelled; one that cannot be written is dropped."""
        while True:
            await self._queued.wait()
            while self._queue:
                if pause := self._bucket.take():
                    await asyncio.sleep(pause)
                    continue
                await self._write(*self._queue.popleft())
            self._queued.clear()
            self._drained.set()

    async def drain(self, seconds: float) -> None:
        """Wait until everything is written, for this many seconds at most. `run` must still be running."""
        try:
            async with asyncio.timeout(seconds):
                await self._drained.wait()
        except TimeoutError:
            log.warning("%d Events were not written", len(self._queue))

    async def _write(self, regarding: _Regarding, event: Event) -> None:
        name = event_name(regarding.name, regarding.uid, event)
        try:
            series = self._series.get(name)
            if series is None:
                await self._start_series(name, regarding, event)
            elif series.bucket.take() == 0.0:
                await self._continue_series(name, series, regarding, event)
            else:
                series.count += 1  # written with the next repetition
        except ApiError as error:
            self._on_drop()
            log.debug("Event not written: %s", error)
        except Exception:  # a bug in one Event must not lose all later ones
            self._on_drop()
            log.exception("Event not written")

    async def _start_series(self, name: str, regarding: _Regarding, event: Event) -> None:
        series = _Series(1, TokenBucket(_SERIES_RATE, _SERIES_BURST))
        try:
            await self._client.create(EVENTS, regarding.namespace, self._body(name, regarding, event))
        except Conflict:
            # Another replica, or this one before its restart, has written it: continue that series.
            known = await self._client.get(EVENTS, regarding.namespace, name)
            series.count = _count(known)
            await self._continue_series(name, series, regarding, event)
        self._series[name] = series
        if len(self._series) > _SERIES_LIMIT:
            self._series.popitem(last=False)

    async def _continue_series(self, name: str, series: _Series, regarding: _Regarding, event: Event) -> None:
        """Write the number of repetitions, as client-go's recorder does.

        https://github.com/kubernetes/client-go/blob/v0.36.3/tools/events/event_broadcaster.go#L283
        """
        series.count += 1
        body = {"count": min(max(2, series.count), _LARGEST_COUNT), "lastObservedTime": micro_time()}
        try:
            await self._client.patch(EVENTS, regarding.namespace, name, {"series": body})
        except NotFound:
            # The API server removes Events after --event-ttl, an hour by default: start again.
            self._series.pop(name, None)
            await self._client.create(EVENTS, regarding.namespace, self._body(name, regarding, event))

    def _body(self, name: str, regarding: _Regarding, event: Event) -> dict[str, Any]:
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": regarding.namespace},
            "eventTime": micro_time(),
            "type": event.type,
            "reason": event.reason,
            "action": event.action,
            "note": _note(event.message),
            "regarding": {
                "apiVersion": CHECKPOINTS.api_version,
                "kind": CHECKPOINTS.kind,
                "namespace": regarding.namespace,
                "name": regarding.name,
                "uid": regarding.uid,
            },
            "reportingController": CONTROLLER,
            "reportingInstance": self._identity,
        }


def event_name(resource: str, uid: str, event: Event) -> str:
    """Return a name that depends on the content alone, so that every replica continues the same series."""
    content = "\0".join((uid, event.type, event.reason, event.action, event.message))
    return f"{resource[:200]}.{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _count(known: Mapping[str, Any]) -> int:
    """Return the count of an existing series, 1 if it has none or not a valid one."""
    series = known.get("series")
    count = series.get("count") if isinstance(series, dict) else None
    return count if isinstance(count, int) and 0 < count < _LARGEST_COUNT else 1


def _note(message: str) -> str:
    data = message.encode()
    return message if len(data) <= _NOTE_BYTES else data[: _NOTE_BYTES - 3].decode(errors="ignore") + "…"

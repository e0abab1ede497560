"""Events on resources: told in the background, repeated ones as a series, and never more than a cluster can bear."""

import asyncio
import hashlib
import logging
import os
import socket
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shardwright_operator.api.names import CONTROLLER
from shardwright_operator.decide.observed import Resource
from shardwright_operator.decide.plan import Event
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import ApiError, Conflict, NotFound
from shardwright_operator.kube.kinds import CHECKPOINTS, EVENTS
from shardwright_worker.contract.text import clean

log = logging.getLogger(__name__)

_REMEMBERED = 4096  # events whose repetition is noticed
_WAITING = 2000  # events that may wait to be told; the oldest are dropped
_NOTE_LIMIT = 1024  # bytes that events.k8s.io accepts
_LARGEST_COUNT = 2**31 - 1  # of a series


class TokenBucket:
    """A token bucket: `rate` tokens a second, `burst` at most."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, float(burst), clock
        self._tokens, self._since = float(burst), clock()

    def take(self) -> float:
        """Take a token if there is one: 0 then, else the seconds until there will be."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._since) * self._rate)
        self._since = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate


@dataclass(frozen=True, slots=True)
class _About:
    namespace: str
    name: str
    uid: str


@dataclass(slots=True)
class _Told:
    count: int
    bucket: TokenBucket


class EventRecorder:
    """Takes events at any time without waiting; `run` tells them. `identity` names this replica."""

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
        self._queue: deque[tuple[_About, Event]] = deque(maxlen=_WAITING)
        self._told: OrderedDict[str, _Told] = OrderedDict()
        self._more, self._told_all = asyncio.Event(), asyncio.Event()
        self._told_all.set()

    def record(self, resource: Resource, event: Event) -> None:
        """Remember to tell this event."""
        if len(self._queue) == self._queue.maxlen:
            self._on_drop()
        event = Event(event.type, clean(event.reason, 128), clean(event.message), clean(event.action, 128))
        self._queue.append((_About(resource.namespace, resource.name, resource.uid), event))
        self._more.set()
        self._told_all.clear()

    async def run(self) -> None:
        """Tell events until cancelled; one that cannot be told is dropped."""
        while True:
            await self._more.wait()
            while self._queue:
                if pause := self._bucket.take():
                    await asyncio.sleep(pause)
                    continue
                await self._tell(*self._queue.popleft())
            self._more.clear()
            self._told_all.set()

    async def drain(self, seconds: float) -> None:
        """Wait until everything is told, but no longer than this."""
        try:
            await asyncio.wait_for(self._told_all.wait(), seconds)
        except TimeoutError:
            log.warning("%d events were not told", len(self._queue))

    async def _tell(self, about: _About, event: Event) -> None:
        name = event_name(about.name, about.uid, event)
        try:
            told = self._told.get(name)
            if told is None:
                await self._first(name, about, event)
            elif told.bucket.take() == 0.0:
                await self._again(name, told, about, event)
            else:
                told.count += 1  # told with the next one
        except ApiError as error:
            self._on_drop()
            log.debug("event not told: %s", error)
        except Exception:  # whatever it is, the next event is another one
            self._on_drop()
            log.exception("event not told")

    async def _first(self, name: str, about: _About, event: Event) -> None:
        told = _Told(1, TokenBucket(1 / 60, 5))
        try:
            await self._client.create(EVENTS, about.namespace, self._body(name, about, event))
        except Conflict:
            # An earlier process told it: go on with its series.
            known = await self._client.get(EVENTS, about.namespace, name)
            told.count = _count(known)
            await self._again(name, told, about, event)
        self._told[name] = told
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)

    async def _again(self, name: str, told: _Told, about: _About, event: Event) -> None:
        told.count += 1
        series = {"count": min(max(2, told.count), _LARGEST_COUNT), "lastObservedTime": _now()}
        try:
            await self._client.patch(EVENTS, about.namespace, name, {"series": series})
        except NotFound:  # events live for an hour
            self._told.pop(name, None)
            await self._client.create(EVENTS, about.namespace, self._body(name, about, event))

    def _body(self, name: str, about: _About, event: Event) -> dict[str, Any]:
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": about.namespace},
            "eventTime": _now(),
            "type": event.type,
            "reason": event.reason,
            "action": event.action,
            "note": _cut(event.message),
            "regarding": {
                "apiVersion": CHECKPOINTS.api_version,
                "kind": CHECKPOINTS.kind,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
            },
            "reportingController": CONTROLLER,
            "reportingInstance": self._identity,
        }


def event_name(resource: str, uid: str, event: Event) -> str:
    """The same event on the same resource has the same name, whichever replica tells it."""
    content = "\0".join((uid, event.type, event.reason, event.action, event.message))
    return f"{resource[:200]}.{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _count(known: Mapping[str, Any]) -> int:
    """How often an event was told by others, as far as it says."""
    series = known.get("series")
    count = series.get("count") if isinstance(series, dict) else None
    return count if isinstance(count, int) and 0 < count < _LARGEST_COUNT else 1


def _cut(message: str) -> str:
    data = message.encode()
    return message if len(data) <= _NOTE_LIMIT else data[: _NOTE_LIMIT - 3].decode(errors="ignore") + "…"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

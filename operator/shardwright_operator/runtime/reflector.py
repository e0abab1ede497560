"""One run of kopf's watches, in a thread and an event loop of their own.

kopf takes every task of its loop for its own, and it ends on any watch error but 410 Gone. So it has a loop to itself,
and a run may end at any time: the watch supervisor starts the next one.

https://github.com/nolar/kopf/blob/1.45.2/kopf/_core/reactor/running.py#L366
https://github.com/nolar/kopf/blob/1.45.2/kopf/_cogs/clients/watching.py#L215
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import kopf

from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.credentials import Credentials
from shardwright_operator.kube.kinds import WATCHED, Kind
from shardwright_operator.runtime.kopf_settings import WatchTimeouts, kopf_settings
from shardwright_operator.runtime.list_watch import ListWatch, OnDelta

log = logging.getLogger(__name__)

_JOIN_SECONDS = 20.0
_CANCEL_SECONDS = 2.0


class Reflector:
    """Lists and watches every kind once, and reports deltas until an error ends it.

    `on_delta` and `on_end` are called in the run's thread. `last_activity` holds the monotonic time of each kind's last
    sign of activity; it is written in the run's thread and read in any.
    """

    def __init__(
        self,
        credentials: Credentials,
        namespaces: Sequence[str],
        timeouts: WatchTimeouts,
        cache: Cache,
        on_delta: OnDelta,
        on_end: Callable[[], None],
        last_activity: dict[Kind, float],
    ) -> None:
        self._credentials, self._namespaces, self._timeouts = credentials, tuple(namespaces), timeouts
        self._on_end, self._last_activity = on_end, last_activity
        self._list_watch = ListWatch(credentials, namespaces, cache, on_delta, last_activity)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._sessions: list[aiohttp.ClientSession] = []
        self._thread = threading.Thread(target=self._run, name="watches", daemon=True)
        self._created = time.monotonic()
        self.error: BaseException | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the run to end; `join` waits for that. May be called from any thread."""
        with contextlib.suppress(RuntimeError):  # its loop is closed: it has ended already
            self._loop.call_soon_threadsafe(self._stop.set)

    def join(self, seconds: float = _JOIN_SECONDS) -> bool:
        """Wait for the thread, and return whether it has ended. A stuck one is a daemon and costs only its memory."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def silence(self) -> float:
        """Return the seconds since the last activity of the kind that has been quiet for longest."""
        return time.monotonic() - max(self._created, min(self._last_activity.values()))

    def _run(self) -> None:
        # The supervisor logs why a run ended; errors of tasks that kopf never awaits add nothing to it.
        self._loop.set_exception_handler(lambda _, context: log.debug("watches: %s", context.get("exception")))
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            self.error = error
        finally:
            # Reported first: closing has to wait for whatever kopf left behind.
            self._on_end()
            self._close()

    async def _serve(self) -> None:
        scope: dict[str, Any] = {"namespaces": self._namespaces} if self._namespaces else {"clusterwide": True}
        tasks = await kopf.spawn_tasks(
            registry=self._registry(), settings=kopf_settings(self._timeouts), standalone=True, **scope
        )
        stop = asyncio.ensure_future(self._stop.wait())
        done, left = await asyncio.wait({*tasks, stop}, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=_CANCEL_SECONDS)
        for task in done:
            task.result()

    def _close(self) -> None:
        """Cancel what is left and close the loop. kopf's own shutdown waits for its tasks without a limit.

        https://github.com/nolar/kopf/blob/1.45.2/kopf/_cogs/aiokits/aiotasks.py#L150
        """
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        with contextlib.suppress(Exception):
            self._loop.run_until_complete(self._close_sessions())
        self._loop.close()

    async def _close_sessions(self) -> None:
        for session in self._sessions:
            await session.close()
        if left := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(left, timeout=_CANCEL_SECONDS)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        async def login(**_: Any) -> kopf.AiohttpSession:
            self._sessions.append(self._list_watch.open_session())
            return kopf.AiohttpSession(server=self._credentials.server, aiohttp_session=self._sessions[-1])

        for kind in WATCHED:
            kopf.on.event(kind.group, kind.version, kind.plural, registry=registry)(self._handler(kind))
        return registry

    def _handler(self, kind: Kind) -> Callable[..., Awaitable[None]]:
        async def on_event(event: dict[str, Any], **_: Any) -> None:
            self._list_watch.deliver(kind, event["object"]["metadata"]["uid"])

        return on_event

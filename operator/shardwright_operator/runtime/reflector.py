"""One run of kopf's watches, in a thread and an event loop of their own.

kopf ends all tasks of its loop when it ends, hence the loop; and it ends on many answers of an API server in trouble,
hence a run is something that may end at any time: `watch` starts the next one.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import aiohttp
import kopf
from yarl import URL

from shardwright_operator.kube.cached_objects import AnyEntry
from shardwright_operator.kube.indexer import Cache
from shardwright_operator.kube.kinds import WATCHED, Kind
from shardwright_operator.kube.kubeconfig import Login
from shardwright_operator.kube.responses import check_page
from shardwright_operator.runtime.deltas import Listed, News
from shardwright_operator.runtime.kopf_session import open_session
from shardwright_operator.runtime.kopf_settings import Times, kopf_settings
from shardwright_operator.runtime.watch_lines import Knows, Lines, Read, Reader

log = logging.getLogger(__name__)

_STOP_SECONDS = 20.0
_LET_GO_SECONDS = 2.0

# Called in the run's thread.
Deliver = Callable[[News], None]
Notify = Callable[[], None]


def _converted(kind: Kind, raw: Mapping[str, Any]) -> AnyEntry | None:
    """What is to be kept of an object, None if it cannot be read: for whoever does not count these."""
    return Cache().read(kind, raw)


class Streams:
    """One run of all watches. `deliver` gets each list that kopf makes, and then what is news to `knows`.

    `read` says what is to be kept of an object. `alive` gets the time of each kind's signs of life; `on_end` is called
    when the run is over.
    """

    def __init__(
        self,
        login: Login,
        namespaces: Sequence[str],
        times: Times,
        knows: Knows,
        deliver: Deliver,
        on_end: Notify,
        alive: dict[Kind, float],
        read: Read = _converted,
    ) -> None:
        self._login, self._namespaces, self._times = login, tuple(namespaces), times
        self._deliver, self._on_end, self._read = deliver, on_end, read
        self._server = URL(login.server).origin()
        self._readers = {kind: Reader(kind, read, knows) for kind in WATCHED}
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._sessions: list[aiohttp.ClientSession] = []
        self._thread = threading.Thread(target=self._run, name="watches", daemon=True)
        self._paths = {kind.path(space): (kind, space) for kind in WATCHED for space in self._namespaces or (None,)}
        self._lists: dict[str, Listed] = {}
        self.error: BaseException | None = None
        self._alive, self._born = alive, time.monotonic()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; `join` waits for that."""
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._stop.set)

    def join(self, seconds: float = _STOP_SECONDS) -> bool:
        """Wait until the thread ends; whether it did. One that hangs is left behind: all it can do is cost memory."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def silence(self) -> float:
        """Seconds since the watch that is quiet for longest gave a sign of life."""
        return time.monotonic() - max(self._born, min(self._alive.values()))

    def _run(self) -> None:
        # A watch's end is told by the supervisor; that kopf lets go of some of its tasks' errors is of no interest.
        self._loop.set_exception_handler(lambda _, context: log.debug("watches: %s", context.get("exception")))
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            self.error = error
        finally:
            self._on_end()
            self._abandon()

    async def _serve(self) -> None:
        scope: dict[str, Any] = {"namespaces": self._namespaces} if self._namespaces else {"clusterwide": True}
        tasks = await kopf.spawn_tasks(
            registry=self._handlers(), settings=kopf_settings(self._times), standalone=True, **scope
        )
        stop = asyncio.ensure_future(self._stop.wait())
        done, left = await asyncio.wait({*tasks, stop}, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=_LET_GO_SECONDS)
        for task in done:
            task.result()

    def _abandon(self) -> None:
        """End what is left. kopf would wait for tasks that after some errors never end, so it is not asked to."""
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        with contextlib.suppress(Exception):
            self._loop.run_until_complete(self._let_go())
        self._loop.close()

    async def _let_go(self) -> None:
        for session in self._sessions:
            await session.close()
        if left := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(left, timeout=_LET_GO_SECONDS)

    def _handlers(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        async def login(**_: Any) -> kopf.AiohttpSession:
            self._sessions.append(self._session())
            return kopf.AiohttpSession(server=self._login.server, aiohttp_session=self._sessions[-1])

        for kind in WATCHED:
            kopf.on.event(kind.group, kind.version, kind.plural, registry=registry)(self._handler(kind))
        return registry

    def _handler(self, kind: Kind) -> Callable[..., Awaitable[None]]:
        async def seen(event: dict[str, Any], **_: Any) -> None:
            if news := self._readers[kind].take(event["object"]["metadata"]["uid"]):
                self._deliver(news)

        return seen

    def _session(self) -> aiohttp.ClientSession:
        return open_session(self._login, self._authorise, self._began, self._take_list)

    async def _authorise(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Puts the current token on each request, and notes when lists begin and that watches answer."""
        kind, space = self._paths.get(request.url.path, (None, None))
        if kind and not {"watch", "continue"} & request.url.query.keys():
            self._lists[request.url.path] = Listed(kind, space, time.monotonic(), [])
        if request.url.origin() == self._server and (token := self._login.token()):
            request.headers["Authorization"] = f"Bearer {token}"
        response = await handler(request)
        if kind and response.status == 200 and "watch" in request.url.query:
            self._alive[kind] = time.monotonic()
        return response

    def _take_list(self, url: URL, page: Any) -> Any:
        """Keep what kopf lists, and leave it only the list's version, from where its watch goes on.

        kopf would tell of the objects one by one, at half a millisecond each, and never of those that are gone.
        """
        listed = self._lists.get(url.path)
        if listed is None:
            return page
        check_page(page)
        listed.entries.extend(entry for raw in page["items"] if (entry := self._read(listed.kind, raw)))
        if not page["metadata"].get("continue"):
            self._deliver(self._lists.pop(url.path))
        return {**page, "items": []}

    def _began(self, response: aiohttp.ClientResponse) -> None:
        """Let a watch's lines pass through its kind's reader."""
        kind, _ = self._paths.get(response.url.path, (None, None))
        if kind is None or response.status != 200 or "watch" not in response.url.query:
            return
        reader = self._readers[kind]

        def change(line: bytes) -> bytes:
            self._alive[kind] = time.monotonic()
            return reader.change(line)

        response.content = Lines(response.content, change)  # type: ignore[assignment]

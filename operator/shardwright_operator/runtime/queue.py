"""The work queue: a key is in it once, with one worker at a time, and comes again if it changed meanwhile."""

import asyncio
import heapq
import random
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_AHEAD_IN_A_ROW = 8  # so many go ahead before one that waits


class WorkQueue(Generic[K]):
    """Keys to look at. `base` and `cap` bound the backoff of a failing key; `clock` gives monotonic seconds."""

    def __init__(self, base: float = 0.5, cap: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._base, self._cap, self._clock = base, cap, clock
        self._ahead: dict[K, float] = {}  # waiting keys -> since when, in their order
        self._waiting: dict[K, float] = {}
        self._again: dict[K, bool] = {}  # keys that changed while they were worked on -> whether they go ahead
        self._working: dict[K, float] = {}
        self._failures: dict[K, int] = {}
        self._due: dict[K, float] = {}
        self._held: dict[K, float] = {}
        self._timers: list[tuple[float, int, K]] = []
        self._serial = self._row = 0
        self._idle: deque[asyncio.Future[None]] = deque()  # workers that wait; one key wakes one
        self._retimed = asyncio.Event()

    def add(self, key: K, ahead: bool = False) -> None:
        """Look at this key as soon as possible; `ahead` of others if it is new, or half-way to its Job."""
        if key in self._working:
            self._again[key] = ahead or self._again.get(key, False)
        elif (until := self._held.get(key)) is not None and until > self._clock():
            self._set_timer(key, min(until, self._due.get(key, until)))
        elif key not in self._ahead and key not in self._waiting:
            (self._ahead if ahead else self._waiting)[key] = self._clock()
            self._wake()

    def add_after(self, key: K, seconds: float | None) -> None:
        """Look at this key after so many seconds; replaces what was asked for before, None takes it back."""
        self._due.pop(key, None)
        if seconds is None:
            return
        self._set_timer(key, self._clock() + seconds)

    def hold(self, key: K, seconds: float) -> None:
        """Do not look at this key for so long, whatever comes: several changes in a row become one look."""
        self._held[key] = self._clock() + seconds

    def retry(self, key: K, longest: float | None = None) -> float:
        """Look at this key again after its backoff, which doubles with each failure; gives the seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        pause = min(longest or self._cap, self._base * 2.0 ** min(failures, 30))
        pause *= random.uniform(0.75, 1.0)
        self.add_after(key, pause)
        return pause

    def succeeded(self, key: K) -> None:
        """The next failure of this key starts with the shortest pause again."""
        self._failures.pop(key, None)

    def forget(self, key: K) -> None:
        """The key is gone: no timer, no memory of failures."""
        self._failures.pop(key, None)
        self._due.pop(key, None)
        self._held.pop(key, None)

    async def get(self) -> tuple[K, float]:
        """The next key and how long it waited; `done` must follow."""
        while not (self._ahead or self._waiting):
            await self._wait()
        ahead = self._ahead and (self._row < _AHEAD_IN_A_ROW or not self._waiting)
        line = self._ahead if ahead else self._waiting
        self._row = self._row + 1 if ahead else 0
        key = next(iter(line))
        now, since = self._clock(), line.pop(key)
        self._working[key] = now
        self._due.pop(key, None)
        self._held.pop(key, None)
        return key, now - since

    def done(self, key: K) -> None:
        """The key's worker is through with it."""
        self._working.pop(key, None)
        if key in self._again:
            self.add(key, self._again.pop(key))

    def _set_timer(self, key: K, when: float) -> None:
        self._serial += 1
        self._due[key] = when
        heapq.heappush(self._timers, (when, self._serial, key))
        self._retimed.set()

    async def _wait(self) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._idle.append(woken)
        try:
            await woken
        except asyncio.CancelledError:
            if woken.done() and not woken.cancelled():
                self._wake()  # another worker takes what this one was woken for
            raise

    def _wake(self) -> None:
        while self._idle:
            one = self._idle.popleft()
            if not one.done():
                one.set_result(None)
                return

    def release_due(self) -> float | None:
        """Add the keys whose time has come; gives the seconds until the next, None if no key waits for a time."""
        now = self._clock()
        while self._timers:
            when, _, key = self._timers[0]
            if self._due.get(key) == when and when > now:
                return when - now
            heapq.heappop(self._timers)
            if self._due.get(key) == when:
                del self._due[key]
                self._held.pop(key, None)
                self.add(key)
        return None

    async def run_timers(self) -> None:
        """Add delayed keys in time, until cancelled."""
        while True:
            self._retimed.clear()
            pause = self.release_due()
            try:
                await asyncio.wait_for(self._retimed.wait(), pause)
            except TimeoutError:
                continue

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return len(self._ahead) + len(self._waiting)

    @property
    def working(self) -> int:
        """Keys that are worked on."""
        return len(self._working)

    @property
    def delayed(self) -> int:
        """Keys that wait for a time."""
        return len(self._due)

    def oldest_wait(self) -> float:
        """For how long the first key in line has waited."""
        firsts = [next(iter(line.values())) for line in (self._ahead, self._waiting) if line]
        return self._clock() - min(firsts) if firsts else 0.0

    def longest_work(self) -> float:
        """For how long the slowest worker has been at its key."""
        return self._clock() - min(self._working.values()) if self._working else 0.0

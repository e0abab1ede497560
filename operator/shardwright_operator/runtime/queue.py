"""The work queue, with the semantics of client-go's: each key once, one worker per key, retries with backoff.

The backoff is that of a reconciliation that failed; when a failed Job runs again is in decide/retry.py.

https://github.com/kubernetes/client-go/blob/v0.36.3/util/workqueue/queue.go#L196
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from shardwright_operator.runtime.timers import Timers

K = TypeVar("K", bound=Hashable)

_PRIORITY_STREAK = 8  # keys with priority that are taken before one without


class WorkQueue(Generic[K]):
    """Keys to reconcile.

    `base_delay` and `max_delay` are the smallest and the largest backoff of a failing key, in seconds. `clock` returns
    monotonic seconds: a wall clock that is set would fire every timer at once, or none for hours.
    """

    def __init__(
        self, base_delay: float = 0.5, max_delay: float = 300.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._base_delay, self._max_delay, self._clock = base_delay, max_delay, clock
        # Waiting keys in their order -> since when. A key is in one of the two.
        self._priority: dict[K, float] = {}
        self._normal: dict[K, float] = {}
        self._dirty: dict[K, bool] = {}  # keys that were added while being processed -> whether with priority
        self._processing: dict[K, float] = {}  # -> since when
        self._failures: dict[K, int] = {}
        self._postponed: dict[K, float] = {}  # -> until when
        self._timers: Timers[K] = Timers()
        self._streak = 0
        self._idle: deque[asyncio.Future[None]] = deque()  # waiting workers; one key wakes one

    def add(self, key: K, priority: bool = False) -> None:
        """Queue this key, before those without priority if it has it: new resources, and Jobs about to be created."""
        if key in self._processing:
            self._dirty[key] = priority or self._dirty.get(key, False)
        elif (until := self._postponed.get(key)) is not None and until > self._clock():
            self._timers.set(key, min(until, self._timers.get(key, until)))
        elif key not in self._priority and key not in self._normal:
            (self._priority if priority else self._normal)[key] = self._clock()
            self._wake()

    def add_after(self, key: K, seconds: float | None) -> None:
        """Queue this key after this many seconds, instead of any earlier such request; None cancels it."""
        if seconds is None:
            self._timers.cancel(key)
        else:
            self._timers.set(key, self._clock() + seconds)

    def add_rate_limited(self, key: K, longest: float | None = None) -> float:
        """Queue this key after its backoff, which doubles with each failure, and return the backoff in seconds.

        https://github.com/kubernetes/client-go/blob/v0.36.3/util/workqueue/default_rate_limiters.go#L116
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        backoff = min(longest or self._max_delay, self._base_delay * 2.0 ** min(failures, 30))
        backoff *= random.uniform(0.75, 1.0)
        self.add_after(key, backoff)
        return backoff

    def postpone(self, key: K, seconds: float) -> None:
        """Delay this key for this many seconds even if it is added, so that a burst of changes is processed once."""
        self._postponed[key] = self._clock() + seconds

    def forget(self, key: K) -> None:
        """Reset the backoff of this key."""
        self._failures.pop(key, None)

    def discard(self, key: K) -> None:
        """Reset the backoff and cancel the timer of a key whose object is gone."""
        self._failures.pop(key, None)
        self._timers.cancel(key)
        self._postponed.pop(key, None)

    async def get(self) -> tuple[K, float]:
        """Wait for the next key, and return it with the seconds that it has waited. `done` must follow."""
        while not (self._priority or self._normal):
            await self._wait()
        # A streak of priority keys is interrupted, so that a flood of new resources does not starve the others.
        priority = self._priority and (self._streak < _PRIORITY_STREAK or not self._normal)
        line = self._priority if priority else self._normal
        self._streak = self._streak + 1 if priority else 0
        key = next(iter(line))
        now, since = self._clock(), line.pop(key)
        self._processing[key] = now
        self._timers.cancel(key)
        self._postponed.pop(key, None)
        return key, now - since

    def done(self, key: K) -> None:
        """Mark a key as processed; queue it again if it was added meanwhile."""
        self._processing.pop(key, None)
        if key in self._dirty:
            self.add(key, self._dirty.pop(key))

    def add_due(self) -> float | None:
        """Queue the keys that are due, and return the seconds until the next one, None if no key has a timer."""
        now = self._clock()
        for key in self._timers.pop_due(now):
            self._postponed.pop(key, None)
            self.add(key)
        return self._timers.seconds_until_next(now)

    async def run_timers(self) -> None:
        """Queue delayed keys when they are due, until cancelled."""
        while True:
            self._timers.changed.clear()
            seconds = self.add_due()
            try:
                async with asyncio.timeout(seconds):
                    await self._timers.changed.wait()
            except TimeoutError:
                continue

    @property
    def depth(self) -> int:
        """The number of keys that wait for a worker."""
        return len(self._priority) + len(self._normal)

    @property
    def processing(self) -> int:
        """The number of keys that are being processed."""
        return len(self._processing)

    @property
    def delayed(self) -> int:
        """The number of keys that have a timer."""
        return len(self._timers)

    def oldest_wait(self) -> float:
        """Return the seconds for which the first key has waited for a worker."""
        firsts = [next(iter(line.values())) for line in (self._priority, self._normal) if line]
        return self._clock() - min(firsts) if firsts else 0.0

    def longest_processing(self) -> float:
        """Return the seconds for which the slowest worker has been processing its key."""
        return self._clock() - min(self._processing.values()) if self._processing else 0.0

    async def _wait(self) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._idle.append(woken)
        try:
            await woken
        except asyncio.CancelledError:
            if woken.done() and not woken.cancelled():
                self._wake()  # another worker takes the key for which this one was woken
            raise

    def _wake(self) -> None:
        while self._idle:
            one = self._idle.popleft()
            if not one.done():
                one.set_result(None)
                return

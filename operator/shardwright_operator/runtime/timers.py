"""One timer for each key: the delaying part of the work queue."""

import asyncio
import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Timers(Generic[K]):
    """Keys with the monotonic time at which each is due. `changed` is set by each new timer."""

    def __init__(self) -> None:
        self._due: dict[K, float] = {}
        # Has an entry for each timer that was ever set. Those with which `_due` no longer agrees were replaced or
        # cancelled; they are dropped when they reach the top, which is cheaper than finding them in the heap.
        self._heap: list[tuple[float, int, K]] = []
        self._serial = 0  # keys with the same time come in the order of their timers, and are never compared
        self.changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    def get(self, key: K, default: float) -> float:
        """Return when this key is due, the default if it has no timer."""
        return self._due.get(key, default)

    def set(self, key: K, when: float) -> None:
        """Set the timer of this key, in place of any earlier one."""
        self._serial += 1
        self._due[key] = when
        heapq.heappush(self._heap, (when, self._serial, key))
        self.changed.set()

    def cancel(self, key: K) -> None:
        """Remove the timer of this key, if it has one."""
        self._due.pop(key, None)

    def pop_due(self, now: float) -> list[K]:
        """Remove and return the keys that are due, in the order of their times."""
        keys = []
        while self._heap:
            when, _, key = self._heap[0]
            current = self._due.get(key) == when
            if current and when > now:
                break
            heapq.heappop(self._heap)
            if current:
                del self._due[key]
                keys.append(key)
        return keys

    def seconds_until_next(self, now: float) -> float | None:
        """Return the seconds until the first key is due, None if no key has a timer. `pop_due` comes first."""
        return self._heap[0][0] - now if self._heap else None

"""Limits how often something happens, such as a line of progress."""

import time
from collections.abc import Callable


class RateLimit:
    """Allows one event per `period` seconds. Not thread-safe."""

    def __init__(self, period: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._period, self._clock = period, clock
        self._last: float | None = None

    def allows(self, always: bool = False) -> bool:
        """Return whether an event may happen now, and count it if so. With `always`, it may at any time."""
        now = self._clock()
        if not always and self._last is not None and now - self._last < self._period:
            return False
        self._last = now
        return True

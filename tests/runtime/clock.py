"""A clock that a test advances."""

from __future__ import annotations

import asyncio


class Clock:
    """Monotonic seconds, and a sleep that advances the clock instead of waiting."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Advance by this many seconds."""
        self.now += seconds

    async def sleep(self, seconds: float) -> None:
        """Advance at once, and let other tasks run."""
        self.advance(seconds)
        await asyncio.sleep(0)

"""A clock that a test moves."""

from __future__ import annotations

import asyncio


class Clock:
    """Monotonic seconds; also a sleep that moves the clock instead of waiting."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once, and others have their turn."""
        self.advance(seconds)
        await asyncio.sleep(0)

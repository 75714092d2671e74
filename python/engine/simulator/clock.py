"""Simulated calendar time on any event loop, real or virtual, at any speed.

A scenario begins at its own date and time: the wall clock of the machine is never read here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class SimClock:
    """The time of one simulated world: `start_ns` when made, then `speed` times as fast as the loop's clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, start_ns: int, speed: float = 1.0) -> None:
        if not 0 < speed < float("inf"):
            raise ValueError(f"speed must be a number above zero: {speed}")
        self.loop = loop
        self.start_ns = start_ns
        self.speed = speed
        self._began = loop.time()

    def now_ns(self) -> int:
        return self.start_ns + round((self.loop.time() - self._began) * self.speed * 1e9)

    def elapsed_s(self) -> float:
        """Simulated seconds since the start."""
        return (self.now_ns() - self.start_ns) / 1e9

    def call_at_ns(self, at_ns: int, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back at a simulated time; the clock may then still show a nanosecond less."""
        return self.loop.call_at(self._began + (at_ns - self.start_ns) / 1e9 / self.speed, callback)

    def call_in(self, delay_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back after so many simulated seconds."""
        return self.loop.call_later(delay_s / self.speed, callback)

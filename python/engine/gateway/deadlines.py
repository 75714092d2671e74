"""Things that are due after the same time each: one timer for all of them, and no order pays for one of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
GRAIN_S = 0.1  # what is due within so long of each other is told together


class Deadlines(Generic[T]):
    """`then` is told of each when it is due."""

    def __init__(self, delay_s: float, then: Callable[[T], None]) -> None:
        self._delay_s = delay_s
        self._then = then
        self._due: deque[tuple[float, T]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, item: T) -> None:
        loop = asyncio.get_running_loop()
        self._due.append((loop.time() + self._delay_s, item))
        if self._timer is None:
            self._timer = loop.call_at(self._due[0][0], self._ring)

    def close(self) -> None:
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._due and self._due[0][0] <= loop.time():
            self._then(self._due.popleft()[1])
        if self._due and self._timer is None:
            self._timer = loop.call_at(max(self._due[0][0], loop.time() + GRAIN_S), self._ring)

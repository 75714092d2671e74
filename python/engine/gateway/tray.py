"""The tray: paperwork that follows within a moment, in the order in which it came to pass, and together.

What an order counts, and what other programs are told of it, is done before it leaves; the rest is done for several at
once, so that no message waits for another's. Whoever decides by the book empties the tray first (`empty`). Must never
hold anything for longer than a moment, nor grow without bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias, TypeVarTuple

Ts = TypeVarTuple("Ts")
Work: TypeAlias = tuple[Callable[..., None], tuple[object, ...]]

MOMENT_S = 0.01
WORKS_MAX = 256


class Tray:
    """Of one login."""

    def __init__(self) -> None:
        self._works: list[Work] = []
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._works)

    def put(self, work: Callable[[*Ts], None], *about: *Ts) -> None:
        works = self._works
        works.append((work, about))
        if len(works) == 1:
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(MOMENT_S, self._ring)
        elif len(works) >= WORKS_MAX:
            self.empty()

    def empty(self) -> None:
        """Do all of it now."""
        while self._works:
            works, self._works = self._works, []
            for work, about in works:
                work(*about)

    def close(self) -> None:
        self.empty()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self.empty()

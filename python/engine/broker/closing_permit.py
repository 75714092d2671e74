"""One closing order's way past the gate of the right to close: entered when it leaves, left when its bytes are gone.

While bytes of it are still in this process, because the socket does not take them, nobody else may become the closer:
they would leave whenever this process moves again. So the gate is left only when the socket has them all, or the
connection is gone; and if somebody has taken over meanwhile, the connection is given up, and the bytes with it.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from engine.broker.closer_lock import FENCED, CloserLock
from engine.broker.link import Link

LOOK_AGAIN_S = 0.02


class Right(Protocol):
    """What is needed of `ClosingRight`."""

    def enter(self) -> tuple[CloserLock, ...] | str: ...


class ClosingPermit:
    """An `outbox.Permit`, good for one sending on one connection."""

    def __init__(self, right: Right, link: Link) -> None:
        self._right = right
        self._link = link
        self._entered: tuple[CloserLock, ...] = ()

    def enter(self) -> str | None:
        answer = self._right.enter()
        if isinstance(answer, str):
            return answer
        self._entered = answer
        return None

    def leave(self) -> None:
        if self._link.backlog and not all(lock.current for lock in self._entered):
            self._link.abort(FENCED)
        if self._link.backlog:
            asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self.leave)
            return
        entered, self._entered = self._entered, ()
        for lock in entered:
            lock.leave()

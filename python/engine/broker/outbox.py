"""What waits to be sent on one connection: cancels ahead of everything else, all of it inside the pacing budget.

Whoever posts a message learns whether its bytes were handed to the socket or never will be: there is no third
answer, and none is lost. Must never hold more than `WAITING_MAX` messages, nor write to a socket that is gone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeAlias

from engine.broker.pacing import Pacer

WAITING_MAX = 5_000

Told: TypeAlias = Callable[[str | None], None]
"""Called once per message: None when its bytes were handed to the socket, else why they never will be."""


NOT_TAKING = "TWS takes no data at this moment, so that nobody could hold the message back any more"


class Permit(Protocol):
    """Asked when a message is about to leave, however long it has waited, and held while its bytes are handed over."""

    def enter(self) -> str | None:
        """None: it may leave, and `leave` is called behind it. Otherwise why it must not, and nothing is held."""

    def leave(self) -> None: ...


class Parcel:
    """One message on its way."""

    __slots__ = ("data", "permit", "settled", "told", "urgent")

    def __init__(self, data: bytes, *, urgent: bool, told: Told | None, permit: Permit | None) -> None:
        self.data = data
        self.urgent = urgent
        self.told = told
        self.permit = permit
        self.settled = False  # handed to the socket, or given up

    def settle(self, why: str | None) -> None:
        self.settled = True
        self.data = b""
        if self.told is not None:
            self.told(why)


class Outbox:
    """`write` hands bytes to the socket and answers whether it took them; False closes the outbox.

    `backlog` tells how many bytes this process still holds back because the socket does not take them.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pacer: Pacer,
        write: Callable[[bytes], bool],
        backlog: Callable[[], int] = lambda: 0,
    ) -> None:
        self._loop = loop
        self._pacer = pacer
        self._write = write
        self._backlog = backlog
        self._urgent: deque[Parcel] = deque()
        self._normal: deque[Parcel] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._open = False
        self._paused = False
        self._closed_why: str | None = None
        self._flushing = False

    @property
    def waiting(self) -> int:
        """Messages not yet handed to the socket."""
        return len(self._urgent) + len(self._normal)

    @property
    def free(self) -> int:
        """How many ordinary messages would leave at once if they were posted now."""
        if not self._open or self._paused or self._closed_why is not None:
            return 0
        return max(0, self._pacer.free(self._loop.time()) - self.waiting)

    @property
    def free_at(self) -> float:
        """When `free` is worth asking again."""
        return self._pacer.free_at(self._loop.time())

    def post(self, data: bytes, *, urgent: bool, told: Told | None = None, permit: Permit | None = None) -> Parcel:
        parcel = Parcel(data, urgent=urgent, told=told, permit=permit)
        if self._closed_why is not None:
            parcel.settle(self._closed_why)
        elif self.waiting >= WAITING_MAX and not urgent:
            parcel.settle(f"{WAITING_MAX} messages are waiting already: TWS takes no more")
        else:
            (self._urgent if urgent else self._normal).append(parcel)
            self._flush()
        return parcel

    def withdraw(self, parcel: Parcel, why: str) -> bool:
        """Take a message back. False: too late, its bytes are on their way (or it was given up before)."""
        if parcel.settled:
            return False
        (self._urgent if parcel.urgent else self._normal).remove(parcel)
        parcel.settle(why)
        return True

    def drop_normal(self, why: str) -> int:
        """Give up everything that is not urgent."""
        dropped = 0
        while self._normal:
            self._normal.popleft().settle(why)
            dropped += 1
        return dropped

    def open(self) -> None:
        """TWS is ready: start sending."""
        self._open = True
        self._flush()

    def pause(self) -> None:
        """The socket's buffer is full. Cancels go on: nothing could be better placed in it."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._flush()

    def close(self, why: str) -> None:
        """The connection is gone: everybody who still waits is told so."""
        if self._closed_why is not None:
            return
        self._closed_why = why
        if self._timer is not None:
            self._timer.cancel()
        for lane in (self._urgent, self._normal):
            while lane:
                lane.popleft().settle(why)

    def _flush(self) -> None:
        if self._flushing or not self._open:  # told() may post more: the loop below will see it
            return
        self._flushing = True
        try:
            while (lane := self._next_lane()) is not None:
                if not self._send(lane.popleft()):
                    self.close("the connection is closed")
                    return
        finally:
            self._flushing = False
        self._wait()

    def _send(self, parcel: Parcel) -> bool:
        """Hand one message over, or give it up. False: the connection is gone."""
        permit = parcel.permit
        if permit is not None:
            why = NOT_TAKING if self._backlog() else permit.enter()
            if why is not None:
                parcel.settle(why)
                return True
        try:
            taken = self._write(parcel.data)
        finally:
            if permit is not None:
                permit.leave()
        if taken:
            self._pacer.spend(self._loop.time())
        parcel.settle(None if taken else "the connection is closed")
        return taken

    def _next_lane(self) -> deque[Parcel] | None:
        now = self._loop.time()
        if self._urgent:
            return self._urgent if self._pacer.free(now, urgent=True) else None
        if self._normal and not self._paused and self._pacer.free(now):
            return self._normal
        return None

    def _wait(self) -> None:
        """Come back when the budget allows the next message."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._urgent and (not self._normal or self._paused):
            return
        due = self._pacer.free_at(self._loop.time(), urgent=bool(self._urgent))
        self._timer = self._loop.call_at(due, self._flush)

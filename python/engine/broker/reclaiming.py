"""Asking TWS for the client ids of connections that fell silent.

As long as it refuses one it holds the old connection, and what was sent on that may still arrive. Being let in is the
proof that it never will.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from engine.broker.close_orders import CloseOrders
from engine.broker.failures import LinkFailure

AGAIN_S = 1.0


class Reclaiming:
    """`claim` connects under a client id or raises LinkFailure; `fault` takes what must not happen."""

    def __init__(
        self, orders: CloseOrders, claim: Callable[[int], Awaitable[None]], fault: Callable[[BaseException], None]
    ) -> None:
        self._orders = orders
        self._claim = claim
        self._fault = fault
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    def begin(self) -> None:
        """A connection fell silent. Asked every second from now on, until no such id is left."""
        if self._timer is None and not self._stopped and self._orders.silent_ids():
            self._timer = self._loop.call_later(AGAIN_S, self._ask)

    def stop(self) -> None:
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _ask(self) -> None:
        self._task = self._loop.create_task(self._ask_for_each(), name="kill: ask for the ids of silent connections")
        self._task.add_done_callback(self._asked)

    async def _ask_for_each(self) -> None:
        for client_id in self._orders.silent_ids():
            with suppress(LinkFailure):  # refused: asked again
                await self._claim(client_id)

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._timer = None
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            self._fault(fault)
        else:
            self.begin()

"""Cancels what adds risk and is a client's, where a halt asks that it goes: over that client's own connection.

A breached loss limit asks for it. TWS lets only the client that placed an order cancel it, a global cancel would take
the protective orders with it, and the client itself knows nothing of the halt. What goes is decided on fresh reads, as
in `engine.trading.risk_sweep`, which sweeps what a program has placed itself. Must never act on what is not known, nor
cancel an order that protects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from engine.core.exposure import OrderKey
from engine.core.known import Known
from engine.core.restrictions import Kind
from engine.gateway.order_desk import OrderDesk
from engine.trading.risk_sweep import adding_risk

LOOK_EVERY_S = 0.5
SWEPT_S = 1.0  # behind a sweep: it sends as many cancels for a client as TWS takes of it in a second
AGAIN_AFTER_S = 5.0  # a cancel takes its time; so long after it the same order is not cancelled again

OnCancel = Callable[[int, list[int]], int]
"""Cancels these orders of a client over its connection, and returns how many it could."""


class Sweeping:
    """Of one login. `clients`: who is here; `cancel` is the door's."""

    def __init__(
        self, desk: OrderDesk, clients: Callable[[], Iterable[int]], cancel: OnCancel, log: Callable[[str], None]
    ) -> None:
        self._desk = desk
        self._clients = clients
        self._cancel = cancel
        self._log = log
        self._asked: dict[OrderKey, float] = {}

    async def run(self) -> None:
        """Until cancelled."""
        pause_s = LOOK_EVERY_S
        while True:
            await asyncio.sleep(pause_s)
            swept = self._is_asked_for() and bool(self._going()) and await self._sweep()
            pause_s = SWEPT_S if swept else LOOK_EVERY_S

    def _is_asked_for(self) -> bool:
        """By a halt. What a kill has to go is its own business, and the door's."""
        state = self._desk.checks.state()
        asked = any(one.cancel for one in state.standing)
        return asked and state.kind is not Kind.SHUTDOWN and not self._desk.shadow

    def _going(self) -> dict[int, list[int]]:
        """What would go by what was read last, client by client; of what was asked a moment ago nothing."""
        view, now, here = self._desk.entry.view, asyncio.get_running_loop().time(), frozenset(self._clients())
        adding = adding_risk(view.working_orders, view.positions)
        found: dict[int, list[int]] = {}
        if not isinstance(adding, Known) or not isinstance(view.positions, Known):
            return found
        for one in adding.value:
            asked = self._asked.get((one.client_id, one.order_id), -AGAIN_AFTER_S)
            if one.client_id in here and one.order_id > 0 and now - asked >= AGAIN_AFTER_S:
                found.setdefault(one.client_id, []).append(one.order_id)
        return found

    async def _sweep(self) -> bool:
        """True when something went."""
        login = self._desk.login
        if login is None or not login.link.up:
            return False
        await login.refresh()  # where it fails nothing is known, and nothing goes
        now, cancelled = asyncio.get_running_loop().time(), 0
        for client_id, numbers in self._going().items() if self._is_asked_for() else ():
            count = self._cancel(client_id, numbers)
            self._asked |= {(client_id, number): now for number in numbers[:count]}
            cancelled += count
        self._asked = {key: at for key, at in self._asked.items() if now - at < AGAIN_AFTER_S}
        if cancelled:
            self._desk.tally.count("cancelled under a halt", cancelled)
            self._log(f"{cancelled} orders of clients that add risk were cancelled: the halt asks for it")
        return cancelled > 0

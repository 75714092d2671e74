"""What passed a kill's driver on its way to the machine: for the case that the machine cannot tell any more.

It judges nothing: what it lists was read, perhaps long ago.
"""

from __future__ import annotations

import asyncio

from engine.core.facts import PositionFact, WorkingOrder
from engine.core.kill import commands as cmd
from engine.core.kill import events as ev
from engine.core.kill.report import ResidueItem, ResidueReason

NEVER_READ = -1
NOT_ASKED = -2  # positions are asked for when the orders have been heard


class LastSeen:
    """`blind`: why nothing can be seen now; empty when it can. `missed`: the same, until a survey begun after that has
    shown nothing open; one that shows something is for the machine to judge. `at`: begin of the newest survey of which
    orders and positions have both been read, by the loop's clock. `closes_asked`: was a closing order ever handed
    on?"""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.accounts: tuple[str, ...] = ()
        self.blind = ""
        self.missed = ""
        self.closes_asked = False
        self.at = self._began = self._loop.time()
        self._unread: set[int] = set()  # the orders and positions of the survey under way
        self._positions: tuple[PositionFact, ...] = ()
        self._orders: tuple[WorkingOrder, ...] = ()

    def asked(self, command: cmd.Command) -> None:
        """A command of the machine."""
        match command:
            case cmd.ReadOrders(read_id):
                self._began, self._unread = self._loop.time(), {read_id, NOT_ASKED}
            case cmd.ReadPositions(read_id):
                self._unread.discard(NOT_ASKED)
                self._unread.add(read_id)
            case cmd.Place():
                self.closes_asked = True

    def heard(self, event: ev.Event) -> None:
        """An event on its way to the machine."""
        match event:
            case ev.Connected():
                self.blind = ""
                self.accounts = event.accounts
            case ev.Disconnected() | ev.StillWaiting():
                self._lose_sight(event.text or event.trouble.value)
            case ev.BrokerLink(up=False):
                self._lose_sight(f"TWS has lost its link to IBKR ({event.code})")
            case ev.BrokerLink():
                self.blind = ""
            case ev.PositionsRead():
                self._positions = event.positions
                self._read(event.read_id)
            case ev.OrdersRead():
                self._orders = event.orders
                self._read(event.read_id)

    def _read(self, read_id: int) -> None:
        if read_id not in self._unread:
            return
        self._unread.discard(read_id)
        if not self._unread:
            self.at = self._began
            if not self._orders and not any(position.quantity for position in self._positions):
                self.missed = ""

    def _lose_sight(self, why: str) -> None:
        self.blind = self.missed = why
        self._unread.add(NEVER_READ)  # what was asked before that shows nothing of the time since

    def residue(self) -> tuple[ResidueItem, ...]:
        """Positions and orders as last read, however long ago."""
        positions = [
            ResidueItem(
                account=position.account,
                contract=position.contract,
                quantity=position.quantity,
                reason=ResidueReason.POSITION_UNCONFIRMED,
            )
            for position in self._positions
            if position.quantity != 0
        ]
        orders = [
            ResidueItem(
                account=order.account,
                contract=order.contract,
                quantity=order.remaining if order.buys else -order.remaining,
                reason=ResidueReason.WORKING_ORDER,
                order=f"client {order.client_id}: {order.action} {order.remaining} {order.order_type}",
            )
            for order in self._orders
        ]
        return (*positions, *orders)

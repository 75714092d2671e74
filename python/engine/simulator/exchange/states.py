"""The states of an order: each change is made here and told at once. Never leads back from an end.

Whether an order may change is decided elsewhere (the floor, the exchange's front desk).
"""

from __future__ import annotations

from engine.simulator.exchange import refusals
from engine.simulator.exchange.book import LiveOrder, OrderBook
from engine.simulator.exchange.events import OrderAccepted, OrderMessage, Rejected, StatusChanged
from engine.simulator.exchange.orders import Status
from engine.simulator.exchange.refusals import Refusal
from engine.simulator.exchange.tape import Tape


class OrderStates:
    """Writes what becomes of orders into the book and on the tape."""

    def __init__(self, tape: Tape, book: OrderBook) -> None:
        self._tape, self._book = tape, book

    def tell_order(self, order: LiveOrder) -> None:
        """The order as a whole is new, or has changed."""
        self._tape.add(OrderAccepted(self._tape.now_ns, order.view()))

    def tell_status(self, order: LiveOrder) -> None:
        self._tape.add(StatusChanged(self._tape.now_ns, order.view()))

    def say(self, order: LiveOrder, notice: Refusal) -> None:
        """A message about an order that stays what it is."""
        self._tape.add(OrderMessage(self._tape.now_ns, notice.code, notice.text, order.view()))

    def set(self, order: LiveOrder, status: Status, why_held: str = "", *, force: bool = False) -> None:
        """Tell a status when it differs from the last; `force`: in any case."""
        if order.status is Status.PENDING_CANCEL:
            return  # from here only the cancel or a last fill leads on
        if force or (order.status, order.why_held) != (status, why_held):
            order.status, order.why_held = status, why_held
            self.tell_status(order)

    def end(self, order: LiveOrder, reason: str = "") -> None:
        """The order is cancelled, and so are its children."""
        self.complete(order, Status.CANCELLED, reason or "Cancelled by Trader")
        self.tell_status(order)
        self.say(order, refusals.cancelled(reason))
        for child in self._book.children(order):
            if child.is_open:
                self.end(child)

    def complete(self, order: LiveOrder, status: Status, text: str) -> None:
        """The order leaves the book of open ones. A cancel that was on its way came too late for a last fill."""
        if order.status is Status.PENDING_CANCEL and status is Status.FILLED:
            request = order.request
            late = refusals.cancel_too_late(request.order_id, Status.FILLED)
            self._tape.add(Rejected(self._tape.now_ns, request.client_id, request.order_id, late.code, late.text))
        order.status, order.why_held = status, ""
        order.completed_ns, order.completed_status = self._tape.now_ns, text
        self._book.close(order)

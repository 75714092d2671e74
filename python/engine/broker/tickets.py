"""Orders placed over one login, each with what TWS has said of it. Sending and listening only: no check of risk here.

An order is acknowledged when TWS has shown it, refused when TWS has answered with an error and a fresh list does not
show it. Silence is neither. Must never send an order again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

import msgspec

from engine.broker.inquiry import Complete, Outcome
from engine.broker.link import Link, Listener
from engine.broker.outbox import Permit
from engine.broker.reads import Reads, answer
from engine.broker.translate import ENDED
from engine.core.contracts import Contract
from engine.core.facts import WorkingOrder
from engine.core.units import known
from engine.wire.events import ClientEvent
from engine.wire.order import Order
from engine.wire.replies import ErrorMessage, Execution, OpenOrder, OrderStatus
from engine.wire.requests import CancelOrder, PlaceOrder

TICKETS_MAX = 10_000  # then the oldest that have ended are forgotten
HELD_OR_REFUSED = "Inactive"  # of a refused order as of one that TWS holds in its window: only the list tells which


class OrderTicket:
    """A placed order: its numbers, and the last that TWS said of it. It goes on changing while the login lives."""

    def __init__(self, login: str, client_id: int, order_id: int, order_ref: str) -> None:
        self.login = login
        self.client_id = client_id
        self.order_id = order_id
        self.order_ref = order_ref
        self.perm_id = 0
        self.status = ""  # as TWS spells it; empty: not shown yet
        self.filled = Decimal(0)
        self.messages: list[str] = []  # errors and warnings that named this order
        self.left = False  # its bytes were handed to the socket

    @property
    def ended(self) -> bool:
        """It cannot fill any more, by TWS's own word."""
        return self.status in ENDED

    def __repr__(self) -> str:
        return (
            f"OrderTicket({self.login!r}, client {self.client_id}, order {self.order_id}, "
            f"{self.status or 'not acknowledged'}, filled {self.filled})"
        )


class Answer(msgspec.Struct, frozen=True):
    """How TWS answered: `shown` True, False (it is not there), or None (nobody knows)."""

    shown: bool | None
    text: str = ""


def _text(ticket: OrderTicket) -> str:
    """The last that TWS had to say against it."""
    return ticket.messages[-1] if ticket.messages else ""


class Tickets:
    """All orders placed over one link. `before`: those of the login's last link: the same client goes on with what TWS
    shows of them again. By permId, since order ids are given out anew after a restart.
    """

    def __init__(self, login: str, link: Link, reads: Reads, before: Tickets | None = None) -> None:
        self._login = login
        self._link = link
        self._reads = reads
        self._tickets: dict[int, OrderTicket] = {}
        self._earlier: dict[int, OrderTicket] = {} if before is None else before.living()
        self._changed = asyncio.Event()
        link.listen(Listener(self._heard, lambda _failure: self._changed.set()))

    @property
    def client_id(self) -> int:
        return self._link.client_id

    def get(self, order_id: int) -> OrderTicket | None:
        return self._tickets.get(order_id)

    def living(self) -> dict[int, OrderTicket]:
        """What may still trade and can be known again, by permId."""
        every = (*self._earlier.values(), *self._tickets.values())
        return {ticket.perm_id: ticket for ticket in every if ticket.perm_id and not ticket.ended}

    def open(self, order: Order) -> OrderTicket:
        """The ticket of an order that is about to be placed, with its numbers."""
        order_id = self._link.take_id()
        order_ref = order.order_ref or f"QE-{self._login}-{order_id}"
        return OrderTicket(self._login, self._link.client_id, order_id, order_ref)

    async def place(
        self,
        contract: Contract,
        order: Order,
        patience_s: float,
        permit: Permit | None = None,
        ticket: OrderTicket | None = None,
    ) -> tuple[OrderTicket, Answer]:
        """Send an order once, if `permit` allows it when it leaves, and wait for TWS to show it or to object."""
        ticket = ticket or self.open(order)
        request = PlaceOrder(ticket.order_id, contract, msgspec.structs.replace(order, order_ref=ticket.order_ref))
        sent: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

        def told(why: str | None) -> None:
            ticket.left = why is None
            if not sent.done():
                sent.set_result(why)

        self._remember(ticket)
        parcel = self._link.post(request, told=told, permit=permit)
        try:
            why = await sent
        except asyncio.CancelledError:
            self._link.withdraw(parcel, "whoever placed it was cancelled")  # if it still waits, it never leaves
            raise
        if why is not None:
            return ticket, Answer(False, why)
        await self._wait(lambda: bool(ticket.status or ticket.messages), patience_s)
        return ticket, await self._judge(ticket, patience_s)

    async def cancel(self, ticket: OrderTicket, patience_s: float) -> Answer:
        """Ask for the cancel and wait until TWS says the order has ended. `shown`: it is still there."""
        heard = len(ticket.messages)
        self._link.post(CancelOrder(ticket.order_id), urgent=True)
        await self._wait(lambda: ticket.ended or len(ticket.messages) > heard, patience_s)
        if ticket.ended:
            return Answer(False, ticket.status)
        answer_ = await self._judge(ticket, patience_s, anew=True)
        return Answer(False, ticket.status) if ticket.ended else answer_

    async def _judge(self, ticket: OrderTicket, patience_s: float, *, anew: bool = False) -> Answer:
        """An error is not proof that an order is dead, nor silence that it lives: a fresh list decides. By the numbers:
        programs give many orders the same orderRef, and those of another client have numbers of their own.
        """
        if ticket.status not in ("", HELD_OR_REFUSED) and not anew:
            return Answer(True, _text(ticket))
        outcome: Outcome[tuple[WorkingOrder, ...]]
        outcome = await answer(lambda then: self._reads.open_orders(then, patience_s))
        text = _text(ticket)
        if not isinstance(outcome, Complete) or outcome.broker_down:
            return Answer(None, text or "TWS did not answer")
        listed = any(
            (order.client_id, order.order_id) == (ticket.client_id, ticket.order_id)
            or (ticket.perm_id != 0 and order.perm_id == ticket.perm_id)
            for order in outcome.value
        )
        if listed or ticket.filled > 0:
            return Answer(True, text)
        said = f"TWS said {ticket.status}" if ticket.status else "TWS did not answer"
        return Answer(False if text else None, text or f"{said}, and does not list the order")

    async def _wait(self, condition: Callable[[], bool], patience_s: float) -> None:
        """Until it holds, the time is up, or the connection is lost."""
        try:
            async with asyncio.timeout(patience_s):
                while not condition() and self._link.up:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    def _remember(self, ticket: OrderTicket) -> None:
        if len(self._tickets) >= TICKETS_MAX:
            for order_id in [number for number, old in self._tickets.items() if old.ended]:
                del self._tickets[order_id]
        self._tickets[ticket.order_id] = ticket

    def _know_again(self, client_id: int, order_id: int, perm_id: int) -> None:
        ticket = self._earlier.get(perm_id)
        if ticket is not None and (ticket.client_id, ticket.order_id) == (client_id, order_id):
            self._tickets.setdefault(order_id, self._earlier.pop(perm_id))

    def _heard(self, event: ClientEvent) -> None:
        match event:
            case OrderStatus() | Execution():
                self._know_again(event.client_id, event.order_id, event.perm_id)
            case OpenOrder():
                self._know_again(event.order.client_id, event.order_id, event.order.perm_id)
            case _:
                pass
        match event:
            case OrderStatus() if event.client_id == self._link.client_id and event.order_id in self._tickets:
                ticket = self._tickets[event.order_id]
                ticket.status = event.status
                ticket.perm_id = event.perm_id or ticket.perm_id
                ticket.filled = max(ticket.filled, known(event.filled) or Decimal(0))
            case OpenOrder() if event.order.client_id == self._link.client_id and event.order_id in self._tickets:
                ticket = self._tickets[event.order_id]
                ticket.status = ticket.status or event.state.status
                ticket.perm_id = event.order.perm_id or ticket.perm_id
            case Execution() if event.client_id == self._link.client_id and event.order_id in self._tickets:
                ticket = self._tickets[event.order_id]
                ticket.filled = max(ticket.filled, known(event.cum_qty) or Decimal(0))
                ticket.status = ticket.status or "Submitted"
            case ErrorMessage() if event.req_id in self._tickets:
                self._tickets[event.req_id].messages.append(f"{event.code}: {event.text}")
            case _:
                return
        self._changed.set()

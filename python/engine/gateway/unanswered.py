"""Orders that have left and that TWS has not answered, until it does: shown, refused, or silent for too long.

An error about an order is no proof that it is dead: a fresh list of open orders decides. Must never take an order out
of the book that may be live.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from decimal import Decimal

import msgspec

from engine.broker.inquiry import Complete, Outcome
from engine.broker.login import Login
from engine.broker.reads import answer
from engine.broker.tickets import HELD_OR_REFUSED
from engine.core.exposure import OrderKey
from engine.core.facts import WorkingOrder
from engine.trading.order_checks import OrderChecks
from engine.trading.order_records import Outcome as Fate
from engine.wire.events import ClientEvent
from engine.wire.order import Order
from engine.wire.replies import ErrorMessage, Execution, OpenOrder, OrderStatus

ANSWER_S = 5.0  # one that TWS has not answered by then is written down as unconfirmed
ORDER_NOTICE = 399


class _Sent(msgspec.Struct, frozen=True, eq=False):
    order: Order
    order_ref: str
    modifies: bool
    timer: asyncio.TimerHandle


class Unanswered:
    """Of one login. `login`: the gateway's own connection at this moment, if there is one."""

    def __init__(self, checks: OrderChecks, login: Callable[[], Login | None]) -> None:
        self._checks = checks
        self._login = login
        self._sent: dict[OrderKey, _Sent] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def add(self, key: OrderKey, order: Order, order_ref: str, *, modifies: bool) -> None:
        """It has just left."""
        self._take(key)
        timer = asyncio.get_running_loop().call_later(ANSWER_S, self._silent, key)
        self._sent[key] = _Sent(order, order_ref, modifies, timer)
        if modifies:
            self._checks.book.changing.add(key)

    def heard(self, client_id: int, event: ClientEvent) -> None:
        """TWS has told a client something."""
        match event:
            case OrderStatus() if event.status == HELD_OR_REFUSED and self._of(event.client_id, event.order_id):
                self._keep(self._settle((event.client_id, event.order_id), event.status))
            case OrderStatus() if (sent := self._of(event.client_id, event.order_id)) and not sent.modifies:
                self._shown((event.client_id, event.order_id))
            case OpenOrder() if (sent := self._of(event.order.client_id, event.order_id)) and _same(sent, event.order):
                self._shown((event.order.client_id, event.order_id))
            case Execution() if event.req_id < 0 and self._of(event.client_id, event.order_id):
                self._shown((event.client_id, event.order_id))
            case ErrorMessage() if self._of(client_id, event.req_id) and event.code != ORDER_NOTICE:
                self._keep(self._settle((client_id, event.req_id), f"{event.code}: {event.text}"))

    def close(self) -> None:
        """The gateway ends."""
        for key in tuple(self._sent):
            self._take(key)
        for task in self._asking:
            task.cancel()

    # --- inside -------------------------------------------------------------------------------------
    def _of(self, client_id: int, order_id: int) -> _Sent | None:
        return self._sent.get((client_id, order_id))

    def _take(self, key: OrderKey) -> _Sent | None:
        sent = self._sent.pop(key, None)
        if sent is not None:
            sent.timer.cancel()
            self._checks.book.changing.discard(key)
        return sent

    def _shown(self, key: OrderKey) -> None:
        self._end(key, Fate.ACKNOWLEDGED, "")

    def _silent(self, key: OrderKey) -> None:
        self._end(key, Fate.UNCONFIRMED, "TWS has not answered")

    def _end(self, key: OrderKey, fate: Fate, text: str) -> None:
        sent = self._take(key)
        if sent is not None:
            self._checks.records.ended(sent.order_ref, key, fate, text)

    async def _settle(self, key: OrderKey, text: str) -> None:
        """TWS objects to an order. Not listed, and nothing said that it has filled: it is gone."""
        login, sent = self._login(), self._sent.get(key)
        if login is None or sent is None or sent.order.transmit is False:
            return  # one that TWS is to hold is not listed, dead or not: it goes on counting
        outcome: Outcome[tuple[WorkingOrder, ...]]
        outcome = await answer(lambda then: login.reads.open_orders(then, ANSWER_S))
        if self._sent.get(key) is not sent or not isinstance(outcome, Complete) or outcome.broker_down:
            return  # answered meanwhile, or nobody knows
        listed = any((one.client_id, one.order_id) == key for one in outcome.value)
        if sent.modifies or listed:
            self._end(key, Fate.REFUSED if sent.modifies else Fate.ACKNOWLEDGED, text)
            login.look_soon()  # the list says what the order is like now
            return
        self._checks.book.gone(key)  # a fill that is still on its way counts as one when it comes
        self._end(key, Fate.REFUSED, text)

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="ask after an order")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)


def _same(sent: _Sent, shown: Order) -> bool:
    """TWS shows what was asked for: of a modify it may still show the original."""
    return not sent.modifies or _number(shown.total_quantity) == _number(sent.order.total_quantity)


def _number(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) else None

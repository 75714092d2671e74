"""Orders that have left and that TWS has not answered, until it does: shown, refused, or silent for too long.

An error about an order is no proof that it is dead: a fresh list of open orders decides. An error that bears an order's
number need not be about the order: programs number their requests from 1, as their orders. Must never take an order out
of the book that may be live.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from decimal import Decimal

import msgspec

from engine.broker.inquiry import Complete, Outcome
from engine.broker.login import Login
from engine.broker.reads import answer
from engine.broker.tickets import HELD_OR_REFUSED
from engine.core.exposure import OrderKey
from engine.core.facts import WorkingOrder
from engine.core.preflight.intent import Intent
from engine.core.preflight.settings import SECOND_NS
from engine.gateway.deadlines import Deadlines
from engine.trading.order_checks import OrderChecks
from engine.trading.order_records import Outcome as Fate
from engine.wire.events import ClientEvent
from engine.wire.order import Order
from engine.wire.replies import ErrorMessage, Execution, OpenOrder, OrderStatus

ANSWER_S = 5.0  # one that TWS has not answered by then is written down as unconfirmed
SECOND_LOOK_S = 3.0  # behind an error that may be about a request: an order that came with it is listed by then
MODIFIES_MAX = 100  # of one order that are not answered
ORDER_NOTICE = 399
OF_ORDERS = frozenset({
    103, 104, 105, 109, 110, 154, 161, 163, 201, 202, 203, 355, 382, 383, 387, 388, 391, 392, 434, 435, 436, 461, 10243,
    10244, 10326,
})  # fmt: skip
"""Codes that no request for data is answered with."""
OF_REQUESTS = frozenset({162, 300, 310, 354, 365, 366, 10089, 10090, 10167, 10168, 10186, 10189, 10190, 10197})
"""Codes that no order is answered with: of market data and history."""


class _Sent(msgspec.Struct, frozen=True, eq=False, gc=False):
    """`held`: TWS is asked to keep it, and not to transmit it. `earlier`: how many in all the changes before this one
    asked for that TWS has not shown, the oldest first; it shows them one after the other.
    """

    key: OrderKey
    intent: Intent
    order_ref: str
    modifies: bool
    held: bool
    earlier: deque[Decimal | None]


class Unanswered:
    """Of one login. `login`: the gateway's own connection at this moment, if there is one."""

    def __init__(self, checks: OrderChecks, login: Callable[[], Login | None]) -> None:
        self._checks = checks
        self._login = login
        self._sent: dict[OrderKey, _Sent] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._silences = Deadlines(ANSWER_S, self._silent)
        window_s = checks.desk.settings.duplicate_window_ns / SECOND_NS
        self._windows = Deadlines(window_s, self._unconfirmed)

    def add(self, key: OrderKey, intent: Intent, order_ref: str) -> None:
        """An order has just left; until it is answered, no other like it does."""
        sent = self._add(_Sent(key, intent, order_ref, False, False, deque()))
        self._windows.add(sent)

    def add_special(self, key: OrderKey, intent: Intent, order_ref: str, *, modifies: bool, held: bool) -> None:
        """One that `OrderChecks.has_left` has been told of."""
        before, earlier = self._sent.get(key), deque[Decimal | None](maxlen=MODIFIES_MAX)
        if modifies and before is not None and before.modifies:
            earlier.extend((*before.earlier, _number(before.intent.quantity)))
        self._add(_Sent(key, intent, order_ref, modifies, held, earlier))
        if modifies:
            self._checks.book.changing.add(key)

    def _add(self, sent: _Sent) -> _Sent:
        self._take(sent.key)
        self._sent[sent.key] = sent
        self._silences.add(sent)
        return sent

    def heard(self, client_id: int, event: ClientEvent) -> None:
        """TWS has told a client something."""
        match event:
            case OrderStatus() if event.status == HELD_OR_REFUSED and self._of(event.client_id, event.order_id):
                self._keep(self._settle((event.client_id, event.order_id), event.status, surely=True))
            case OrderStatus() if (sent := self._of(event.client_id, event.order_id)) and not sent.modifies:
                self._shown((event.client_id, event.order_id))
            case OpenOrder() if (sent := self._of(event.order.client_id, event.order_id)) and _shows(sent, event.order):
                self._shown((event.order.client_id, event.order_id))
            case Execution() if event.req_id < 0 and self._of(event.client_id, event.order_id):
                self._shown((event.client_id, event.order_id))
            case ErrorMessage() if self._of(client_id, event.req_id) and event.code not in (ORDER_NOTICE, *OF_REQUESTS):
                key, text = (client_id, event.req_id), f"{event.code}: {event.text}"
                self._keep(self._settle(key, text, surely=event.code in OF_ORDERS))

    def lost(self, client_id: int) -> None:
        """The connection that this client's orders left over has ended: nobody can say which of them have arrived."""
        for key in [key for key in self._sent if key[0] == client_id]:
            self._end(key, Fate.UNCONFIRMED, "the connection ended before TWS had answered")

    def close(self) -> None:
        """The gateway ends."""
        self._silences.close()
        self._windows.close()
        for key in tuple(self._sent):
            self._end(key, Fate.UNCONFIRMED, "the gateway ended before TWS had answered")
        for task in self._asking:
            task.cancel()

    # --- inside -------------------------------------------------------------------------------------
    def _of(self, client_id: int, order_id: int) -> _Sent | None:
        return self._sent.get((client_id, order_id))

    def _take(self, key: OrderKey) -> _Sent | None:
        sent = self._sent.pop(key, None)
        if sent is not None and sent.modifies:
            self._checks.book.changing.discard(key)
        return sent

    def _shown(self, key: OrderKey) -> None:
        self._end(key, Fate.ACKNOWLEDGED, "")
        if key[1] < 0:  # a change of an order typed into TWS: it is listed under another name, which counts
            for one in self._checks.desk.book.order(key):
                self._checks.desk.book.working(one)

    def _silent(self, sent: _Sent) -> None:
        if self._sent.get(sent.key) is sent:
            self._end(sent.key, Fate.UNCONFIRMED, "TWS has not answered")

    def _unconfirmed(self, sent: _Sent) -> None:
        if self._sent.get(sent.key) is sent:
            self._checks.desk.unconfirmed(sent.intent, sent.key)

    def _end(self, key: OrderKey, fate: Fate, text: str) -> None:
        sent = self._take(key)
        if sent is not None:
            self._checks.records.ended(sent.order_ref, key, fate, text)

    async def _settle(self, key: OrderKey, text: str, *, surely: bool) -> None:
        """TWS objects to an order, or perhaps to a request of its number. Not listed, and nothing said that it has
        filled: it is gone.
        """
        sent = self._sent.get(key)
        if sent is None or sent.held:
            return  # one that TWS is to hold is not listed, dead or not: it goes on counting
        if surely and sent.earlier:
            sent.earlier.popleft()  # the change before this one: TWS has not said anything of this one
            return
        listed = await self._is_listed(key)
        if not surely and (sent.modifies or listed is not True):
            await asyncio.sleep(SECOND_LOOK_S)
            listed = await self._is_listed(key)
        if listed is None or self._is_answered(sent):
            return  # nobody knows, or it was answered meanwhile
        login = self._login()
        if sent.modifies or listed:
            self._end(key, Fate.REFUSED if sent.modifies else Fate.ACKNOWLEDGED, text)
            if login is not None:
                login.look_soon()  # the list says what the order is like now
            return
        self._checks.book.gone(key)  # a fill that is still on its way counts as one when it comes
        self._end(key, Fate.REFUSED, text)

    def _is_answered(self, sent: _Sent) -> bool:
        """One that has been silent for too long is none."""
        now = self._sent.get(sent.key)
        silent = now is None and not sent.modifies and self._checks.desk.book.unacknowledged(sent.key)
        return now is not sent and not silent

    async def _is_listed(self, key: OrderKey) -> bool | None:
        """By a fresh list of open orders. None: there is none to be had."""
        login = self._login()
        if login is None:
            return None
        reads = login.reads
        outcome: Outcome[tuple[WorkingOrder, ...]] = await answer(lambda then: reads.open_orders(then, ANSWER_S))
        if not isinstance(outcome, Complete) or outcome.broker_down:
            return None
        return any((one.client_id, one.order_id) == key for one in outcome.value)

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="ask after an order")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)


def _shows(sent: _Sent, shown: Order) -> bool:
    """TWS shows what was asked for: of a modify it may still show the original, or an earlier change."""
    if not sent.modifies:
        return True
    total = _number(shown.total_quantity)
    if sent.earlier:
        if total == sent.earlier[0]:
            sent.earlier.popleft()
        return False
    return total == _number(sent.intent.quantity)


def _number(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) else None

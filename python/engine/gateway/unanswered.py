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
from engine.core.preflight.intent import Intent
from engine.core.preflight.settings import SECOND_NS
from engine.gateway.deadlines import Deadlines
from engine.trading.order_checks import OrderChecks
from engine.trading.order_records import Outcome as Fate
from engine.wire.events import ClientEvent
from engine.wire.order import Order
from engine.wire.replies import ErrorMessage, Execution, OpenOrder, OrderStatus

ANSWER_S = 5.0  # one that TWS has not answered by then is written down as unconfirmed
ORDER_NOTICE = 399


class _Sent(msgspec.Struct, frozen=True, eq=False, gc=False):
    """`held`: TWS is asked to keep it, and not to transmit it."""

    key: OrderKey
    intent: Intent
    order_ref: str
    modifies: bool
    held: bool


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
        sent = self._add(_Sent(key, intent, order_ref, False, False))
        self._windows.add(sent)

    def add_special(self, key: OrderKey, intent: Intent, order_ref: str, *, modifies: bool, held: bool) -> None:
        """One that `OrderChecks.has_left` has been told of."""
        self._add(_Sent(key, intent, order_ref, modifies, held))
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
                self._keep(self._settle((event.client_id, event.order_id), event.status))
            case OrderStatus() if (sent := self._of(event.client_id, event.order_id)) and not sent.modifies:
                self._shown((event.client_id, event.order_id))
            case OpenOrder() if (sent := self._of(event.order.client_id, event.order_id)) and _same(sent, event.order):
                self._shown((event.order.client_id, event.order_id))
            case Execution() if event.req_id < 0 and self._of(event.client_id, event.order_id):
                self._shown((event.client_id, event.order_id))
            case ErrorMessage() if self._of(client_id, event.req_id) and event.code != ORDER_NOTICE:
                self._keep(self._settle((client_id, event.req_id), f"{event.code}: {event.text}"))

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

    async def _settle(self, key: OrderKey, text: str) -> None:
        """TWS objects to an order. Not listed, and nothing said that it has filled: it is gone."""
        login, sent = self._login(), self._sent.get(key)
        if login is None or sent is None or sent.held:
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
    return not sent.modifies or _number(shown.total_quantity) == _number(sent.intent.quantity)


def _number(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) else None

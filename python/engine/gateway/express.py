"""The express way of an order of a known form: judged, announced and handed over without a wait or a detour.

It does what the careful way (order_desk) does, in the order that binds: the slip first, then the last look at halts and
at other programs' orders, the verdict, the count, the bytes. The count is that of the sums by which the next order is
judged; its place in the book follows by the tray. It can only pass an order; whatever it does not pass, the careful way
judges anew, and tells. Must never pass what was not judged in the very moment in which it leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container
from functools import partial

from engine.broker.login import Login
from engine.core.book import Total
from engine.core.exposure import OrderKey
from engine.core.preflight.intent import Intent
from engine.core.preflight.settings import SECOND_NS
from engine.core.restrictions import Scope, State
from engine.gateway.announcing import Announcing
from engine.gateway.ends import Ends
from engine.gateway.forms import Forms
from engine.gateway.heard import Heard
from engine.gateway.tray import Tray
from engine.gateway.unanswered import Unanswered
from engine.trading.entries import Entry
from engine.trading.order_checks import Asked, OrderChecks
from engine.trading.order_records import OrderRecords
from engine.trading.rules import Rules
from engine.wire.order import Order

NOT_NOW = "the careful way says why"
NAMED = b"%b\0%d\0%d\0%b\0%b\0%d"  # the rest of a slip, of an order with a name of its own
UNNAMED = b"%bclient %d order %d\0%d\0%d\0%b\0%b\0%d"


class Express:
    """Of one login. `refused`: orders that never left. `login`: the gateway's own connection to it; nothing passes here
    while there is none.
    """

    def __init__(
        self,
        entry: Entry,
        checks: OrderChecks,
        rules: Rules,
        records: OrderRecords,
        announcing: Announcing,
        unanswered: Unanswered,
        refused: Container[OrderKey],
        tray: Tray,
        *,
        wall_ns: Callable[[], int],
    ) -> None:
        self.login: Login | None = None
        self._entry = entry
        self._checks = checks
        self._desk = checks.desk
        self._rules = rules
        self._records = records
        self._announcing = announcing
        self._unanswered = unanswered
        self._refused = refused
        self._tray = tray
        self._wall_ns = wall_ns
        self._forms = Forms()
        self._take_in = checks.others.take_in
        self._holds = checks.desk.book.holds
        self._clock_ns = 0
        self._scope: Scope | None = None
        self._accounts: object = None
        self._counting: set[OrderKey] = set()  # whose place in the book follows
        self._now_ns = 0
        self._intent: Intent | None = None
        self._preparing = False

    def learn(self, message: bytes, version: int, order: Order, asked: Asked) -> None:
        """An order has passed the careful way: the next of its form may come this way."""
        if not self._checks.asks_for_prices(asked.intent):
            until_ns = self._checks.terms_until_ns(asked.contract.con_id)
            self._forms.learn(message, version, order, asked.intent, until_ns)

    def forget(self) -> None:
        """Accounts or terms may have become others."""
        self._forms.forget()

    def prepare_soon(self) -> None:
        """Positions or orders were read anew: what is worked out from them is ready before the next order comes."""
        if not self._preparing:
            self._preparing = True
            asyncio.get_running_loop().call_soon(self._prepare)

    def _prepare(self) -> None:
        self._preparing = False
        if self.login is not None:
            self._desk.prepare(self._checks.state(), self._wall_ns())

    def place(self, ends: Ends, heard: Heard, message: bytes) -> bool:
        """True: it has left. False: nothing was done."""
        login, client_id = self.login, ends.client_id
        read = self._forms.read(message, ends.version)
        if read is None or login is None or client_id is None:
            return False
        form, order_id, quantity, limit, texts = read
        key = (client_id, order_id)
        now_ns = self._wall_ns()
        known = key in self._counting or key in self._refused or self._holds(key) or heard.alive(order_id)
        if known or now_ns >= form.until_ns:
            return False
        if not 0 <= now_ns - self._clock_ns < SECOND_NS:
            self._clock_ns = now_ns
            self._checks.hear_clock(login)
        intent = form.intent(quantity, limit)
        named = (form.slip, client_id, order_id) if form.order_ref else (form.slip, *key, *key)
        slip = (NAMED if form.order_ref else UNNAMED) % (*named, texts[0], texts[2], now_ns)
        number = self._announcing.tell(slip)
        if number is None:
            return False
        total = self._leave(ends, intent, message, now_ns)
        if total is None:
            self._announcing.take_back(number)
            return False
        self._counting.add(key)
        self._tray.put(self._enter, intent, key, total, form.order_ref, number, now_ns)
        return True

    def _leave(self, ends: Ends, intent: Intent, message: bytes, now_ns: int) -> Total | None:
        """Through the gate, if nothing speaks against it behind the gate. What it was counted in; None: it stays."""
        accounts = self._entry.view.accounts
        if accounts is not self._accounts or self._scope is None:
            self._accounts, self._scope = accounts, self._entry.scope
        self._intent, self._now_ns = intent, now_ns
        rules = self._rules
        if rules.enter(self._scope, self._objection) is not None:
            return None
        total = self._desk.pledge(intent, now_ns)
        try:
            left = ends.pass_now(message)
        finally:
            rules.leave()
        if not left:
            self._desk.redeem(intent, None, total, now_ns)
            return None
        return total

    def _objection(self, state: State) -> str | None:
        """Judged with what is known at this moment: of halts, and of what other programs announce."""
        checks, intent = self._checks, self._intent
        self._take_in()
        assert intent is not None
        return None if self._desk.clears(intent, checks.with_own(state), self._now_ns) else NOT_NOW

    def _enter(self, intent: Intent, key: OrderKey, total: Total, named: str, number: int, now_ns: int) -> None:
        """From the tray: its place in the book, and its paperwork."""
        order_ref = named or f"client {key[0]} order {key[1]}"
        self._counting.discard(key)
        self._checks.book.sent(key)
        self._desk.redeem(intent, key, total, now_ns)
        self._records.announced(key, number, partial(self._records.event, intent, order_ref, key, announced=True))
        self._unanswered.add(key, intent, order_ref)

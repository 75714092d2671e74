"""The orders of one login's clients: each judged, and then it leaves (`leaving`) or is refused (`refusals`).

Here is what the gateway knows of the login, and which way an order goes. Between a verdict and the order's counting
nothing is waited for. Must never hand over what was not judged, nor take a live order for dead.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.broker.login import Login
from engine.core.exposure import OrderKey
from engine.core.known import Known
from engine.core.preflight.checks_state import refusal_of
from engine.core.preflight.verdict import Verdict
from engine.gateway.announcing import Announcing
from engine.gateway.clarity import BINDS_MANUAL_ORDERS
from engine.gateway.exercising import Exercises
from engine.gateway.express import Express
from engine.gateway.leaving import GONE, Leaving
from engine.gateway.refusals import Refusals
from engine.gateway.tally import Tally
from engine.gateway.tray import Tray
from engine.gateway.unanswered import Unanswered
from engine.gateway.wishes import End, Refusal, Ruling, Wish, parent_refused, parent_stays, warming_up
from engine.trading.entries import Entry
from engine.trading.errors import OrderNotSent
from engine.trading.order_checks import Asked, OrderChecks
from engine.trading.order_intent import key_of
from engine.trading.order_records import OrderRecords
from engine.trading.order_settings import OrderSettings
from engine.trading.rules import Rules, described
from engine.wire.events import ClientEvent
from engine.wire.replies import ErrorMessage, Execution, OpenOrder, OrderStatus
from engine.wire.requests import ExerciseOptions

TERMS_PATIENCE_S = 2.0  # for what TWS says of a contract or its price: meanwhile this client's other messages wait
REFRESH_PATIENCE_S = 0.5  # for positions and orders: an order that comes before they are read is refused
BEHIND_S = 0.25  # records of so long are written together: each write takes time from the loop
BOUND_MAX = 1_000


class OrderDesk:
    """Of one login. `login`: the gateway's own connection to it, while there is one."""

    def __init__(
        self,
        entry: Entry,
        found: OrderSettings,
        rules: Rules,
        *,
        home: Path,
        wall_ns: Callable[[], int],
        shadow: bool,
        log: Callable[[str], None],
    ) -> None:
        self.entry = entry
        self.login: Login | None = None
        self.waiting_for = "the first connection to TWS"
        self.tally = Tally()
        self.shadow = shadow
        self.records = OrderRecords(lambda: rules, lambda: entry.scope, wall_ns, behind_s=BEHIND_S)
        self.checks = OrderChecks(
            entry,
            found,
            self.records,
            lambda: rules,
            home=home,
            patience_s=TERMS_PATIENCE_S,
            wall_ns=wall_ns,
            refresh_patience_s=REFRESH_PATIENCE_S,
        )
        self._rules = rules
        self._log = log
        self._home = home
        self._wall_ns = wall_ns
        self._unanswered = Unanswered(self.checks, lambda: self.login)
        self._refusals = Refusals(entry.config.name, self.checks, self.tally, log, shadow=shadow)
        self.exercises = Exercises(entry, self.checks, rules, wall_ns)
        self._announcing = Announcing(self.records)
        self.tray = Tray()
        self.checks.catch_up = self.tray.empty
        self.express = Express(
            entry,
            self.checks,
            rules,
            self.records,
            self._announcing,
            self._unanswered,
            self._refusals,
            self.tray,
            wall_ns=wall_ns,
        )
        self.checks.book.after_reading = self._after_reading
        self._leaving = Leaving(entry, self.checks, rules, self._announcing, self._has_left, wall_ns)
        self._bound: dict[int, OrderKey] = {}  # orders typed into TWS, by the ids under which client 0 has them

    def open(self) -> None:
        """The gateway begins."""
        why = self._announcing.open(self._home, self.entry.scope)
        if why:
            self._log(f"{self.entry.config.name}: orders cannot be announced ({why}): each waits for the journal")
        elif self._announcing.path is not None and self.checks.others.slips is not None:
            self.checks.others.slips.own.add(self._announcing.path)

    # --- the gateway's own view ---------------------------------------------------------------------
    def attach(self, login: Login) -> None:
        """The login has a fresh connection of the gateway's own."""
        self.checks.book.attach(login)
        self.checks.follow_others()
        self.login, self.waiting_for = login, ""
        self._announcing.name(self.entry.scope)
        self.express.forget()
        self.express.login = None if self.shadow else login

    def detach(self, why: str) -> None:
        self.login = self.express.login = None
        self.waiting_for = why

    @property
    def warming_up(self) -> str:
        """What has to be known before an order may pass; empty: it is."""
        book = self.checks.desk.book
        unknown = [fact.why for fact in (book.positions, book.orders) if not isinstance(fact, Known)]
        return self.waiting_for or "; ".join(dict.fromkeys(unknown))

    def admit(self, client_id: int) -> None:
        """TWS has let this client in: its orders are our own."""
        self.checks.book.client_ids.add(client_id)

    def dismiss(self, client_id: int) -> None:
        """It has gone. Of its orders those that TWS has not answered may be live or not."""
        self.tray.empty()
        self._unanswered.lost(client_id)
        if self.login is None or client_id != self.login.link.client_id:
            self.checks.book.client_ids.discard(client_id)

    def heard(self, client_id: int, event: ClientEvent) -> None:
        """TWS has told a client something of orders."""
        self._unanswered.heard(client_id, event)
        if isinstance(event, OpenOrder) and client_id == BINDS_MANUAL_ORDERS and event.order_id < 0:
            self._bound[event.order_id] = key_of(event.order.client_id, event.order_id, event.order.perm_id)
            if len(self._bound) > BOUND_MAX:
                del self._bound[next(iter(self._bound))]
        if isinstance(event, ErrorMessage):
            self.exercises.heard_error(client_id, event.req_id, event.code)
        self.checks.book.heard(event)
        if self.login is not None and isinstance(event, OrderStatus | Execution):
            self.login.look_soon()

    def cancels_all(self) -> None:
        """A client cancels everything: what is left is read soon, for what it sends next are its closing orders."""
        self.tally.count("global cancels")
        if self.login is not None:
            self.login.look_soon()

    def _after_reading(self) -> None:
        """An order that is missing from the list counts as filled until positions are read behind it: at once."""
        self.express.prepare_soon()
        if self.login is not None and self.checks.desk.book.waits_for_positions:
            self.login.look_soon()

    def works(self, key: OrderKey) -> bool:
        """An order of this name counts as live."""
        self.tray.empty()
        return bool(self.checks.desk.book.order(key))

    def working(self, client_id: int) -> list[int]:
        """The ids of a client's orders that count as live."""
        self.tray.empty()
        return sorted(n for owner, n in self.checks.desk.book.order_keys if owner == client_id and n > 0)

    async def settled(self) -> None:
        """The gateway ends: what is to be written is written, within bounds."""
        self.tray.close()
        self._unanswered.close()
        await self.records.settled()
        self._announcing.close()
        if self.checks.others.slips is not None:
            self.checks.others.slips.close()

    # --- an order -----------------------------------------------------------------------------------
    async def place(self, wish: Wish) -> Ruling:
        """Let it leave, or say why not."""
        modifies = wish.alive or self.works(wish.key)
        asked = await self._ask(wish, modifies)
        if wish.withdrawn():
            return self._withdraw(wish, modifies)
        if self.shadow:
            return self._watch(wish, asked, modifies)
        if isinstance(asked, Refusal):
            return await self._refuse(wish, None, asked, modifies)
        state = self.checks.state()
        verdict = self.checks.judge(asked, state)
        if not verdict.passed:
            return await self._refuse(wish, asked, Refusal.of(verdict, described(state)), modifies)
        if asked.order.what_if is True:
            return self._preview(wish, asked)
        return await self._send(wish, asked, modifies)

    async def exercise(self, client_id: int, request: ExerciseOptions, write: Callable[[], bool]) -> str:
        """Let it leave, or say why not."""
        about, was = (self.login, self.waiting_for, client_id, request), f"exercise {request.req_id} of {client_id}"
        if self.shadow:
            refusal = await self.exercises.judge(*about)
            write()
        else:
            refusal = await self.exercises.place(*about, write)
        if not refusal.codes:
            self.tally.count("exercises passed")
            return ""
        self.tally.refuse(refusal.codes)
        would = "would be refused (shadow)" if self.shadow else "refused"
        self._log(f"{self.entry.config.name}: {was} {would}: {refusal.words}")
        self.records.not_judged(request.contract.symbol, "EXERCISE", "+".join(refusal.codes))
        return "" if self.shadow else refusal.words

    def goes_ahead(self, wish: Wish) -> bool:
        """It may leave before what its client has sent earlier: it stands alone, and only reduces."""
        order = wish.request.order
        alone = wish.parent is None and order.transmit is not False and not order.oca_group
        if self.shadow or not alone or wish.alive or self.works(wish.key) or self.login is None:
            return False
        return self.checks.surely_reduces(self.login, wish.request.contract, order, client_id=wish.client_id)

    def not_understood(self, key: OrderKey, why: str) -> None:
        """A message that was an order could not be read, and was refused."""
        if not self.works(key):
            self._refusals.remember(key)
        self.records.not_judged("", "", "not_understood")
        self._refusals.tell(key, ("not_understood",), why)

    async def _ask(self, wish: Wish, modifies: bool) -> Asked | Refusal:
        """What it wants, with all that a verdict needs."""
        state, login = self.checks.state(), self.login
        if not state.may_reduce:
            return Refusal.of(refusal_of(state))
        if login is None:
            return warming_up(self.waiting_for)
        if wish.parent and wish.parent in self._refusals and not self.works(wish.parent):
            return parent_refused(wish.parent)
        if modifies and wish.request.order.what_if is True:
            return Refusal(("preview_of_live",), "preview_of_live: a preview must not have the id of a live order")
        try:
            return await self.checks.ready(
                login,
                wish.request.contract,
                wish.request.order,
                client_id=wish.client_id,
                modifies=self._modified(wish),
                may_preview=True,
            )
        except OrderNotSent as error:
            return Refusal(("not_judgeable",), f"not_judgeable: {error}")

    def _modified(self, wish: Wish) -> OrderKey | None:
        """The order that it changes, as the book calls it."""
        key = wish.key
        if wish.client_id == BINDS_MANUAL_ORDERS:
            key = self._bound.get(key[1], key)
        return key if self.works(key) else None

    async def _send(self, wish: Wish, asked: Asked, modifies: bool) -> Ruling:
        done = await self._leaving.send(wish, asked, modifies)
        if isinstance(done, Verdict):
            return await self._refuse(wish, asked, Refusal.of(done), modifies)
        return self._withdraw(wish, modifies) if done.end is End.WITHDRAWN else done

    def _has_left(self, wish: Wish, asked: Asked, modifies: bool) -> None:
        self._refusals.forget(wish.key)
        self.tally.count("orders passed")
        held = asked.order.transmit is not True
        self._unanswered.add_special(wish.key, asked.intent, wish.order_ref, modifies=modifies, held=held)
        if not modifies:
            self.express.learn(wish.message, wish.version, wish.request.order, asked)

    def _preview(self, wish: Wish, asked: Asked) -> Ruling:
        """A whatIf trades nothing: it counts as a message."""
        if not wish.write():
            return Ruling(End.LOST, GONE)
        self.checks.passed(asked, wish.key)
        self.tally.count("previews passed")
        return Ruling(End.LEFT)

    # --- not leaving --------------------------------------------------------------------------------
    def _withdraw(self, wish: Wish, modifies: bool) -> Ruling:
        self._refusals.remember(wish.key)
        self.tally.count("orders withdrawn")
        return Ruling(End.WITHDRAWN, wish.withdrawn(), modifies)

    async def _refuse(self, wish: Wish, asked: Asked | None, refusal: Refusal, modifies: bool) -> Ruling:
        if wish.parent is not None and not modifies and self.works(wish.parent):
            refusal = msgspec.structs.replace(refusal, words=f"{refusal.words}; {parent_stays(wish.parent)}")
        await self._refusals.refuse(wish, asked, refusal, modifies=modifies)
        return Ruling(End.REFUSED, refusal.words, modifies)

    # --- shadow mode --------------------------------------------------------------------------------
    def _watch(self, wish: Wish, asked: Asked | Refusal, modifies: bool) -> Ruling:
        """Judge, tell, count, and let everything pass."""
        refusal = asked if isinstance(asked, Refusal) else None
        if not isinstance(asked, Refusal):
            verdict = self.checks.judge(asked, self.checks.state())
            refusal = None if verdict.passed else Refusal.of(verdict)
        if refusal is not None:
            self._refusals.tell(wish.key, refusal.codes, refusal.words)
        if not isinstance(asked, Refusal) and self._countable(wish.key, asked):
            self.checks.passed(asked, wish.key)
        if not wish.write():
            return Ruling(End.LOST, GONE, modifies)
        self.tally.count("orders passed")
        return Ruling(End.LEFT)

    def _countable(self, key: OrderKey, asked: Asked) -> bool:
        """One that changes the side of a live order is nothing that the book could hold."""
        sides = {(one.account, one.con_id): one.side for one in self.checks.desk.book.order(key)}
        own = (asked.intent.account, asked.intent.con_id)
        return asked.intent.sec_type != "BAG" and sides.get(own, asked.intent.side) is asked.intent.side

"""The pre-flight of one login, as its orders pass it: facts fetched within bounds, the verdict, and the last look.

Deciding is `engine.core.preflight`'s; here is what it has to know. It lives as long as its login is known, whatever
becomes of connections. Must never wait between a verdict and the order's counting, and never pass what was not judged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.broker.login import Login
from engine.broker.preview import preview_margin
from engine.core.contracts import Contract
from engine.core.exposure import OrderKey, Resting
from engine.core.known import Fact, Known, Unknown
from engine.core.preflight.activity import PACE_CODES
from engine.core.preflight.checks_state import is_stale
from engine.core.preflight.desk import Preflight
from engine.core.preflight.examine import examine
from engine.core.preflight.facts import Facts
from engine.core.preflight.intent import Intent, MarginPreview
from engine.core.preflight.numbers import number
from engine.core.preflight.prices import may_be_negative, working_prices
from engine.core.preflight.settings import SECOND_NS, Need
from engine.core.preflight.verdict import Code, Failure, Verdict
from engine.core.products import Product
from engine.core.restrictions import Cause, Kind, Restriction, State, effective
from engine.journal.journal import TEND_EVERY_NS
from engine.trading import errors
from engine.trading.contract_terms import ContractTerms
from engine.trading.daemons import Daemons
from engine.trading.entries import Entry
from engine.trading.login_book import LoginBook
from engine.trading.order_intent import as_modify, as_preview, exact, intent_of, unjudgeable
from engine.trading.order_records import INTENT_S_MAX, OrderRecords
from engine.trading.order_settings import OrderSettings
from engine.trading.other_programs import OtherPrograms
from engine.trading.presence import Watch
from engine.trading.rules import Rules
from engine.trading.slips import Reading
from engine.wire.order import Order

NO_GUARD = (
    "no guard gives signs of life, which is asked for by guard.required or gateway.without_guard: start it with "
    "qe guard run"
)
REFRESH_PATIENCE_S = 12.0  # for positions and orders that are unknown; each read has a limit of its own below that
FORM_CODES = frozenset({
    Code.SHUT_DOWN, Code.CONTRACT_UNKNOWN, Code.LEGS_UNKNOWN, Code.ACCOUNT_NOT_IN_LOGIN, Code.ALLOCATION,
    Code.QUANTITY_NOT_POSITIVE, Code.QUANTITY_OFF_GRID, Code.PRICE_MISSING, Code.PRICE_NOT_FINITE,
})  # fmt: skip
"""What fails these is not even sent as a preview."""


class Asked(msgspec.Struct, frozen=True):
    """An order as it would be sent, and what it wants."""

    contract: Contract
    order: Order
    intent: Intent
    unresolved: str = ""  # why it is not known what it would trade


class OrderChecks:
    """Everything that stands between an order of one login and its connection."""

    def __init__(
        self,
        entry: Entry,
        found: OrderSettings,
        records: OrderRecords,
        rules: Callable[[], Rules],
        *,
        home: Path,
        patience_s: float,
        wall_ns: Callable[[], int],
        refresh_patience_s: float = REFRESH_PATIENCE_S,
    ) -> None:
        """`home`: the state folder, where a guard gives its signs of life."""
        self.desk = Preflight(found.settings)
        self.book = LoginBook(self.desk, records.filled, self.hear_others)
        self.others = OtherPrograms(self.desk, lambda: (entry.scope, self.book.client_ids), wall_ns, Reading(home))
        self.records = records
        self._entry = entry
        self._faults = found.faults
        self._guard = Watch(home) if found.guard_required else None
        self._tolerated = found.tolerated
        self._rules = rules
        self._patience_s = patience_s
        self._refresh_patience_s = refresh_patience_s
        self._wall_ns = wall_ns
        self._terms = ContractTerms(self.desk, patience_s, wall_ns)
        self._refreshing: asyncio.Task[None] | None = None
        self._following = False
        self._too_fast = ""  # why this login is being halted, until the rules have it
        self._tending: asyncio.Future[None] | None = None
        self._tended_ns: int | None = None
        self._looking: asyncio.Future[State] | None = None
        self._daemons = Daemons()
        self.catch_up: Callable[[], None] = lambda: None  # what has happened and is not in the book yet is put there

    # --- what may be done ---------------------------------------------------------------------------
    def state(self) -> State:
        """What the login may do now, with what only this program knows. Looks, and writes nothing: see `tended`."""
        self.catch_up()
        state = self._rules().glance(self._entry.scope)
        self.others.take_in()
        return self.with_own(state)

    async def tended(self) -> None:
        """Have the journal try again what it could not write, and wait for that if it is in trouble: on a thread, and
        not for long.
        """
        now_ns, journal = self._wall_ns(), self._rules().journal
        if self._guard is not None:
            self._guard.sees(now_ns)  # since when its last sign has been the same
        due = self._tended_ns is None or not 0 <= now_ns - self._tended_ns < TEND_EVERY_NS
        if due and (self._tending is None or self._tending.done()):
            self._tended_ns = now_ns
            self._tending = asyncio.get_running_loop().run_in_executor(self._daemons, journal.tend, now_ns)
            if journal.trouble() is not None:
                await asyncio.wait({self._tending}, timeout=INTENT_S_MAX)

    def follow_others(self) -> None:
        """From now on what other programs announce is heard of."""
        if not self._following:
            self._following = True
            self._rules().journal.follow(self.others.hear)

    def hear_others(self) -> None:
        """Look at what they have announced: on a thread, for a disk may hang and a kill may need this loop."""
        self.catch_up()
        self.others.take_in()
        if self._looking is None or self._looking.done():
            loop = asyncio.get_running_loop()
            self._looking = loop.run_in_executor(self._daemons, lambda: self._rules().glance(self._entry.scope))
            self._looking.add_done_callback(lambda _: self.others.take_in())

    def with_own(self, state: State) -> State:
        """With what this program alone knows: that is asked before every order, and usually in vain."""
        if (
            not (self._faults or self._too_fast or self._entry.kill_pressed)
            and (self._guard is None or self._guard.sees(self._wall_ns()))
            and not (self.records.crowded or self.others.unheard())
            and not (self._tolerated and state.standing)
        ):
            return state
        own: list[Restriction] = []
        if self._entry.kill_pressed:
            own.append(self._restriction(Kind.SHUTDOWN, Cause.KILL_SWITCH, "pressed in this program"))
        if self._faults:
            own.append(self._restriction(Kind.HALT, Cause.CONFIGURATION, self._faults))
        if self._too_fast:
            own.append(self._restriction(Kind.HALT, Cause.ORDER_RATE, self._too_fast))
        if self._guard is not None and not self._guard.sees(self._wall_ns()):
            own.append(self._restriction(Kind.HALT, Cause.DEAD_MAN, NO_GUARD))
        for why in (self.records.crowded, self.others.unheard()):
            if why:
                own.append(self._restriction(Kind.HALT, Cause.JOURNAL, why))
        standing = state.standing
        if standing and self._tolerated:
            standing = tuple(one for one in standing if one.id not in self._tolerated)
        if not own and standing is state.standing:
            return state
        return effective((*standing, *own), self._entry.scope, self._wall_ns())

    def _restriction(self, kind: Kind, cause: Cause, reason: str) -> Restriction:
        name = f"{cause.value} of this program"
        return Restriction(
            id=name, scope=self._entry.scope, kind=kind, cause=cause, since_ns=0, actor="this program", reason=reason
        )

    # --- asking -------------------------------------------------------------------------------------
    async def ready(
        self,
        login: Login,
        contract: Contract,
        order: Order,
        *,
        client_id: int | None = None,
        modifies: OrderKey | None = None,
        may_preview: bool = False,
    ) -> Asked:
        """Fetch what a verdict on this order needs, as far as it comes in time. Raises OrderNotSent.

        `client_id`: whose order it is, unless it is the login's own. `modifies`: the order that it would replace.
        """
        why = unjudgeable(contract, order, may_preview=may_preview)
        if why:
            raise errors.OrderNotSent(f"The order cannot be judged: {why}", "It was not sent", "Change it")
        order = msgspec.structs.replace(exact(order), account=self._account_for(login, order, client_id))
        contract, unresolved = await self.resolved(login, contract)
        self.hear_clock(login)
        listing = self.desk.terms.listings.get(contract.con_id)
        owner = login.link.client_id if client_id is None else client_id
        intent = intent_of(contract, order, account=order.account, client_id=owner, listing=listing)
        if modifies is not None:
            intent = as_modify(intent, modifies)
        if order.what_if is True:
            intent = as_preview(intent)
        if self._needs_price(intent):
            await self._terms.price(login.reads, contract)
        if self.desk.settings.account_notional is not None:
            await self._terms.price_all(login.reads, self._held_in(order.account))
        return Asked(contract, order, intent, unresolved)

    def hear_clock(self, login: Login) -> None:
        """What time it is for TWS."""
        theirs_s = login.link.server_now_s()
        if theirs_s is not None:
            self.desk.market_clock(int(theirs_s * SECOND_NS) - self._wall_ns())

    def terms_until_ns(self, con_id: int) -> int:
        """When the terms of a contract have to be asked for again."""
        return self._terms.until_ns(con_id)

    def asks_for_prices(self, intent: Intent) -> bool:
        """The market's price has to be fetched before such an order can be judged."""
        return self._needs_price(intent) or self.desk.settings.account_notional is not None

    def surely_reduces(self, login: Login, contract: Contract, order: Order, *, client_id: int) -> bool:
        """By what is known already, and without waiting for anything: it can only make a position smaller."""
        self.catch_up()
        listing = self.desk.terms.listings.get(contract.con_id)
        if listing is None or not self._is_read() or unjudgeable(contract, order):
            return False
        account = self._account_for(login, order, client_id)
        intent = intent_of(contract, exact(order), account=account, client_id=client_id, listing=listing)
        return not self.desk.facts(intent, self.state(), self._wall_ns()).adds_risk

    async def resolved(self, login: Login, contract: Contract) -> tuple[Contract, str]:
        """The contract with its id, or why it has none, as soon as what is to be read is read, if that can be had."""
        _, found = await asyncio.gather(self._read(login), self._resolve(login, contract))
        return found

    async def learn(self, login: Login, con_id: int) -> None:
        """Have the terms of a contract, if they can be had."""
        await self._terms.learn(login.reads, (con_id,))

    async def _resolve(self, login: Login, contract: Contract) -> tuple[Contract, str]:
        """The contract with its id, or why it has none; and have the terms of all that it would trade."""
        if contract.sec_type.strip().upper() == "BAG":
            await self._terms.learn(login.reads, tuple(dict.fromkeys(leg.con_id for leg in contract.combo_legs)))
            return contract, ""
        found = await self._terms.identify(login.reads, contract)
        if not isinstance(found, Known):
            return contract, found.why
        await self._terms.learn(login.reads, (found.value,))
        return self._terms.named(contract, found.value), ""

    async def _read(self, login: Login) -> None:
        """Have positions and working orders, if they can be had: a reading of all who wait for it at once."""
        if self._is_read() or not login.link.broker_up:
            return
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.get_running_loop().create_task(login.refresh(), name="read before an order")
        await asyncio.wait({self._refreshing}, timeout=self._refresh_patience_s)

    def _is_read(self) -> bool:
        age_max_ns, now_ns = self.desk.settings.position_age_ns_max, self._wall_ns()
        return all(
            isinstance(fact, Known) and not is_stale(fact, now_ns, age_max_ns)
            for fact in (self.desk.book.positions, self.desk.book.orders)
        )

    def _account_for(self, login: Login, order: Order, client_id: int | None) -> str:
        """The account an order is for: its own, the login's, or the only one there is; else none, which is refused.
        Another program's order leaves as it came: the login's account is not written into it, and TWS would choose.
        """
        accounts = login.link.accounts
        ours = self._entry.config.account if client_id is None else ""
        return order.account or ours or (accounts[0] if len(accounts) == 1 else "")

    def _needs_price(self, intent: Intent) -> bool:
        """A check insists on the market's price, or an order's own looks right only beside it."""
        settings, special = self.desk.settings, intent.special
        if intent.sec_type == "BAG" or intent.con_id <= 0:
            return False
        by_money = special is not None and bool(number(special.cash_qty))
        limits_in_money = settings.order_notional is not None or settings.account_notional is not None
        finite = [price for _, each in working_prices(intent) if (price := number(each)) is not None]
        odd = may_be_negative(intent) and any(price <= 0 for price in finite)
        return settings.collar is Need.REQUIRED or by_money or limits_in_money or odd

    def _held_in(self, account: str) -> tuple[int, ...]:
        """What counts in an account's worst case in money. An option counts by its strike and needs no price."""
        spots = self.desk.book.spots.items()
        held = ((con_id, spot) for (owner, con_id), spot in spots if owner == account and spot.worst > 0)
        return tuple(con_id for con_id, spot in held if spot.product is not Product.OPTIONS)

    async def preview(self, login: Login, asked: Asked) -> Fact[MarginPreview]:
        """The margin by whatIf. An order whose form is wrong is not sent for that either."""
        verdict = self.explain(asked, self.state(), None)
        wrong = [code.value for code in verdict.codes if code in FORM_CODES]
        if wrong:
            return Unknown(f"TWS was not asked: {', '.join(wrong)}")
        self.desk.activity.passed(as_preview(asked.intent), self._wall_ns())
        return await preview_margin(
            login.link, asked.contract, asked.order, patience_s=self._patience_s, wall_ns=self._wall_ns
        )

    # --- verdicts -----------------------------------------------------------------------------------
    def judge(self, asked: Asked, state: State) -> Verdict:
        verdict = self.desk.judge(asked.intent, state, self._wall_ns())
        return verdict if verdict.passed else _with_reason(asked, verdict, self._terms.why_no_price)

    def explain(self, asked: Asked, state: State, margin: Fact[MarginPreview] | None) -> Verdict:
        """Every failed check, whatever the state."""
        verdict = self.desk.explain(asked.intent, state, self._wall_ns(), margin)
        return _with_reason(asked, verdict, self._terms.why_no_price)

    async def deny(self, intent: Intent, verdict: Verdict) -> str:
        """Note a refusal. Too much, too often: the login is halted until a person resumes it. That binds this program
        at once, and every other when this returns, unless the disk hangs. Says why it was halted, if it was.
        """
        self.records.refused(intent, verdict)
        cause = self.desk.refused(verdict, self._wall_ns())
        if cause is None:
            return ""
        codes = ", ".join(map(_too_fast, (one for one in verdict.failures if one.code in PACE_CODES)))
        self._too_fast = why = f"too many orders too often ({codes})"
        halting = asyncio.get_running_loop().run_in_executor(self._daemons, self._halt, why, cause)
        await asyncio.wait({halting}, timeout=INTENT_S_MAX)
        return why

    def _halt(self, why: str, cause: Cause) -> None:
        """On a thread."""
        self._rules().halt(self._entry.scope, why, cause=cause)
        self._too_fast = ""

    # --- on its way ---------------------------------------------------------------------------------
    def passed(self, asked: Asked, key: OrderKey) -> None:
        """The order is about to leave: from here on it counts."""
        self.book.sent(key)
        self.desk.passed(asked.intent, key, self._wall_ns())

    def has_left(self, asked: Asked, key: OrderKey) -> None:
        """Its bytes are with the socket. Not answered within a moment, no other like it is sent until it is. One that
        TWS is to hold (`transmit` false) is not answered before it is transmitted.
        """
        if asked.order.transmit is not True:
            return
        window_s = self.desk.settings.duplicate_window_ns / SECOND_NS
        asyncio.get_running_loop().call_later(window_s, self.desk.unconfirmed, asked.intent, key)

    def again(
        self, asked: Asked, key: OrderKey, state: State, seq: int | None, before: tuple[Resting, ...] = ()
    ) -> Verdict:
        """Judge an order that counts already with the newest facts, as if it did not. `seq`: of its intent; orders of
        others whose intents came later give way to it. `before`: the order that it modifies, as that stood.
        """
        return examine(asked.intent, self._facts_without(asked, key, state, seq, before), self.desk.settings)

    def reduces(self, asked: Asked, key: OrderKey, state: State, before: tuple[Resting, ...] = ()) -> bool:
        """It passes whether or not the login is halted."""
        facts = self._facts_without(asked, key, state, None, before)
        return not facts.adds_risk and examine(asked.intent, facts, self.desk.settings).passed

    def _facts_without(
        self, asked: Asked, key: OrderKey, state: State, seq: int | None, before: tuple[Resting, ...]
    ) -> Facts:
        self.catch_up()
        self.others.take_in()
        later = () if seq is None else self.others.later_than(seq)
        book = self.desk.book
        aside = [one for each in (key, *later) for one in book.order(each)]
        works = before if book.order(key) else ()  # the original has ended: there is nothing left to modify
        for each in (key, *later):
            book.ended(each, filled=False)
        book.sent(*works)
        try:
            return self.desk.facts(asked.intent, state, self._wall_ns(), paced=False)
        finally:
            book.ended(key, filled=False)
            book.sent(*aside)


def _too_fast(failure: Failure) -> str:
    of = "" if failure.limit is None else f": {failure.observed}, at most {failure.limit}"
    return f"{failure.code.value}{of}"


def _with_reason(asked: Asked, verdict: Verdict, why_no_price: Callable[[int], str]) -> Verdict:
    """Of a contract or a price that is not known, why it is not."""
    reasons = {
        Code.CONTRACT_UNKNOWN: asked.unresolved,
        Code.REFERENCE_MISSING: why_no_price(asked.contract.con_id),
    }
    if reasons.keys().isdisjoint(verdict.codes):
        return verdict
    failures = (
        msgspec.structs.replace(one, observed=why) if (why := reasons.get(one.code)) else one
        for one in verdict.failures
    )
    return Verdict(tuple(failures))

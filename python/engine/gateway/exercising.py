"""Exercising options through the gateway: judged by what it brings, which is the underlying at the strike.

TWS does not list an exercise, answers it with nothing, and carries it out at the end of the session. So it counts from
before it leaves: as a sale of the options and as an order in the underlying, until positions show both, TWS refuses it,
or a day and a half has gone by. Letting an option lapse brings nothing. Must never pass more than is held, nor what
cannot be judged.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from engine.broker.login import Login
from engine.core.contracts import Contract
from engine.core.exposure import OrderKey, Resting, Side
from engine.core.known import Known
from engine.core.preflight.checks_state import refusal_of
from engine.core.preflight.intent import Intent
from engine.core.preflight.listing import Listing
from engine.core.preflight.settings import SECOND_NS
from engine.core.preflight.verdict import Code, Verdict
from engine.core.products import Product
from engine.core.restrictions import State
from engine.gateway.clarity import ID_MAX
from engine.gateway.wishes import Refusal, warming_up
from engine.trading.entries import Entry
from engine.trading.order_checks import OrderChecks
from engine.trading.rules import Rules
from engine.wire.requests import ExerciseOptions

EXERCISE, LAPSE = 1, 2
BELOW_ALL_IDS = -(1 << 32)  # with any number of four bytes taken from it still below every order's id
ONCE_MORE = 1 << 34  # further below: the same number again, while the exercise that had it counts
COUNTS_NS_MAX = 36 * 3600 * SECOND_NS
REFUSED_BY_TWS = frozenset({200, 321, 322, 435})  # it was not taken
NOT_OF_AN_EXERCISE = frozenset({
    Code.COLLAR, Code.REFERENCE_MISSING, Code.REFERENCE_STALE, Code.MARKET_CLOSED, Code.SESSION_UNKNOWN,
    Code.PRICE_OFF_GRID, Code.GRID_UNKNOWN,
})  # fmt: skip
"""What nobody trades has no market: neither hours nor a price that it could be far from."""


class _Standing(msgspec.Struct, frozen=True):
    """One that has left: what was held of both when it did, and what it will change."""

    option: Resting
    underlying: Resting
    held: Decimal
    held_of_underlying: Decimal
    at_ns: int


class _Asked(msgspec.Struct, frozen=True):
    option: Resting
    underlying: Resting
    intent: Intent


class Exercises:
    """Of one login."""

    def __init__(self, entry: Entry, checks: OrderChecks, rules: Rules, wall_ns: Callable[[], int]) -> None:
        self._entry = entry
        self._checks = checks
        self._desk = checks.desk
        self._rules = rules
        self._wall_ns = wall_ns
        self._standing: dict[OrderKey, _Standing] = {}

    async def judge(self, login: Login | None, waiting_for: str, client_id: int, request: ExerciseOptions) -> Refusal:
        """What speaks against it: no code, and nothing does."""
        asked = await self._ask(login, waiting_for, client_id, request)
        return asked if isinstance(asked, Refusal) else self._objections(asked, self._checks.state())

    async def place(
        self,
        login: Login | None,
        waiting_for: str,
        client_id: int,
        request: ExerciseOptions,
        write: Callable[[], bool],
    ) -> Refusal:
        """Let it leave, or say why not. Nothing that it brings is refused under a halt if it only closes."""
        asked = await self._ask(login, waiting_for, client_id, request)
        if isinstance(asked, Refusal):
            if asked is NOTHING:
                write()  # it brings nothing, so there is nothing to count
            return asked
        found: list[Refusal] = []

        def objection(state: State) -> str | None:
            found.append(self._objections(asked, self._checks.with_own(state)))
            return found[0].words or None

        why = self._rules.enter(self._entry.scope, objection)
        if why is not None:
            return found[0] if found else Refusal((Code.HALTED.value,), why)
        try:
            if write():
                self._count(asked)
        finally:
            self._rules.leave()
        return NOTHING

    def heard_error(self, client_id: int, req_id: int, code: int) -> None:
        """TWS says something against a request of this number. Which it means of several, nobody can say: all count."""
        first = exercise_key(client_id, req_id)
        meant = [key for key in self._standing if key[0] == client_id and (first[1] - key[1]) % ONCE_MORE == 0]
        if code in REFUSED_BY_TWS and len(meant) == 1:
            self._end(meant[0])

    def tidy(self) -> None:
        """What positions show by now counts no longer. To be called now and then."""
        book, now_ns = self._desk.book, self._wall_ns()
        for key, one in tuple(self._standing.items()):
            if now_ns - one.at_ns >= COUNTS_NS_MAX:
                self._end(key)
            elif isinstance(book.positions, Known):
                less = one.held - book.spot(one.option.place).position
                moved = book.spot(one.underlying.place).position - one.held_of_underlying
                more = moved if one.underlying.side is Side.BUY else -moved
                if less >= one.option.remaining and more >= one.underlying.remaining:
                    self._end(key)

    # --- inside -------------------------------------------------------------------------------------
    async def _ask(
        self, login: Login | None, waiting_for: str, client_id: int, request: ExerciseOptions
    ) -> _Asked | Refusal:
        """What it would bring, or why nobody can say that."""
        state = self._checks.state()
        if not state.may_reduce:
            return Refusal.of(refusal_of(state))
        if request.action == LAPSE:
            return NOTHING
        if login is None:
            return warming_up(waiting_for)
        quantity = request.quantity
        if abs(request.req_id) > ID_MAX:
            return _cannot(f"its number is beyond {ID_MAX}")
        if request.action != EXERCISE or not isinstance(quantity, int) or quantity <= 0:
            return _cannot(f"its action is {request.action}, its quantity {quantity}")
        accounts = login.link.accounts
        account = request.account or (accounts[0] if len(accounts) == 1 else "")
        contract, unresolved = await self._checks.resolved(login, request.contract)
        option = self._desk.terms.listings.get(contract.con_id)
        if option is None or not option.under_con_id or not option.multiplier or option.strike is None:
            return _cannot(unresolved or "TWS has not said in time what this option is")
        if option.product is not Product.OPTIONS or option.right[:1] not in ("C", "P"):
            return _cannot(f"{option.symbol} is {option.sec_type} {option.right}, which is no option")
        await self._checks.learn(login, option.under_con_id)
        underlying = self._desk.terms.listings.get(option.under_con_id)
        if underlying is None:
            return _cannot("TWS has not said in time what its underlying is")
        return _asked(exercise_key(client_id, request.req_id), account, contract, option, underlying, Decimal(quantity))

    def _objections(self, asked: _Asked, state: State) -> Refusal:
        """By what is known at this moment."""
        self._checks.catch_up()
        self._checks.others.take_in()
        verdict = self._desk.explain(asked.intent, state, self._wall_ns())
        failures = tuple(one for one in verdict.failures if one.code not in NOT_OF_AN_EXERCISE)
        if failures:
            return Refusal.of(Verdict(failures))
        held = self._desk.book.spot(asked.option.place).exposure.room(Side.SELL)
        if asked.option.remaining > held:
            words = (
                f"not_held: {asked.option.remaining} would be exercised, and {held} are held that no order sells and "
                "no exercise has taken; ask for no more than that"
            )
            return Refusal(("not_held",), words)
        return NOTHING

    def _count(self, asked: _Asked) -> None:
        """A number that is used again ends nothing: TWS carries out both."""
        book, key = self._desk.book, asked.option.key
        while key in self._standing:
            key = key[0], key[1] - ONCE_MORE
        option, underlying = (msgspec.structs.replace(one, key=key) for one in (asked.option, asked.underlying))
        held, other = (book.spot(one.place).position for one in (option, underlying))
        self._standing[key] = _Standing(option, underlying, held, other, self._wall_ns())
        self._desk.activity.passed(asked.intent, self._wall_ns())
        book.sent(option, underlying)

    def _end(self, key: OrderKey) -> None:
        if self._standing.pop(key, None) is not None:
            self._desk.book.ended(key, filled=False)


NOTHING = Refusal((), "")
"""Nothing speaks against it."""


def _asked(
    key: OrderKey, account: str, contract: Contract, option: Listing, underlying: Listing, quantity: Decimal
) -> _Asked:
    assert option.multiplier is not None and option.strike is not None
    side, units = (Side.BUY if option.right[:1] == "C" else Side.SELL), quantity * option.multiplier
    if underlying.product is Product.FUTURES:
        units = quantity  # an option on a future is for one of it, whatever the multiplier of both
    sold = Resting(
        key=key, account=account, con_id=contract.con_id, side=Side.SELL, remaining=quantity, product=option.product
    )
    brought = Resting(
        key=key, account=account, con_id=underlying.con_id, side=side, remaining=units, product=underlying.product
    )
    intent = Intent(
        account, underlying.con_id, underlying.sec_type, underlying.symbol, side, units, "LMT", option.strike
    )
    return _Asked(sold, brought, intent)


def exercise_key(client_id: int, req_id: int) -> OrderKey:
    """No order has such an id."""
    return client_id, BELOW_ALL_IDS - req_id


def _cannot(why: str) -> Refusal:
    return Refusal(("not_judgeable",), f"not_judgeable: {why}; exercise it in TWS")

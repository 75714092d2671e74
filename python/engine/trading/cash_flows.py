"""Money that comes in or goes out, told by a person and written down, so that it is neither gain nor loss.

Whether it shows in equity already decides when it counts. A program that watches the login knows; one that does not
has to be told, for a guess either way would be a loss that is none, or hide one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from engine.core.books import Flow, Jump
from engine.core.followed import Equity
from engine.core.known import Fact, Known, Unknown
from engine.core.restrictions import Cause, Scope
from engine.journal.events import CashFlow, JumpSettled, Rebased
from engine.journal.loss_records import books_of, cash_flow, last_equity
from engine.journal.trouble import Conflict, JournalError, Trouble
from engine.trading.errors import CashFlowRefused, RulesUnreadable
from engine.trading.rules import TRIES_MAX, Rules

_CURRENCY = re.compile("[A-Z]{3}")
NOTHING_RECORDED = "Nothing was recorded"


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What a program that watches the login knows: since when money that moves would be seen as a jump, and how much
    it takes.
    """

    since_ns: int
    jump_min: Decimal


def record_cash_flow(
    rules: Rules,
    scope: Scope,
    amount: Decimal,
    reason: str,
    *,
    currency: str,
    shows: bool | None,
    watched: Watched | None,
    now_ns: int,
) -> CashFlow:
    """Write it down, and return what was written. Raises CashFlowRefused or RulesUnreadable."""
    if not isinstance(amount, Decimal) or not amount.is_finite():
        raise CashFlowRefused(
            f"The amount is {amount!r}", NOTHING_RECORDED, "Give a Decimal: positive came in, negative went out"
        )
    if amount == 0:
        raise CashFlowRefused("The amount is 0", NOTHING_RECORDED, "Positive came in, negative went out")
    if not reason.strip():
        raise CashFlowRefused("No reason was given", NOTHING_RECORDED, "Give the reason: it is kept")
    for _ in range(TRIES_MAX):
        state = rules.journal.state()
        if isinstance(state, Unknown):
            raise _unreadable(scope, state.why)
        money = _currency(amount, currency, last_equity(state, scope), scope)
        flow = Flow(amount=amount, currency=money, at_ns=now_ns)
        if shows is not None:
            flow = msgspec.structs.replace(flow, announced=not shows)
        elif watched is not None:
            books = books_of(state, scope)
            flow = books.understood(flow, watched_since_ns=watched.since_ns, jump_min=watched.jump_min)
        else:
            raise CashFlowRefused(
                f"This program does not watch {scope.login}, or not for long: it cannot know if the money shows",
                NOTHING_RECORDED,
                "Say so: shows=True if the account's net liquidation contains it already, else shows=False",
            )
        event = cash_flow(scope, flow, reason.strip())
        if _appended(rules, scope, (event,), now_ns, state.seq):
            return event
    raise _unreadable(scope, "other programs append to the journal all the time")


def settle_falls(rules: Rules, scope: Scope, reason: str, *, now_ns: int) -> tuple[Jump, ...]:
    """What equity fell by without an explanation was a loss: it counts as one from now on. Returns these falls. A rise
    stays what it counts as, money that came in. Raises CashFlowRefused or RulesUnreadable; nothing was recorded then.
    """
    if not reason.strip():
        raise CashFlowRefused("No reason was given", NOTHING_RECORDED, "Give the reason: it is kept")
    for _ in range(TRIES_MAX):
        state = rules.journal.state()
        if isinstance(state, Unknown):
            raise _unreadable(scope, state.why)
        falls = tuple(jump for jump in books_of(state, scope).jumps if jump.amount < 0)
        if not falls:
            raise CashFlowRefused(
                f"No fall of {scope.login}'s equity waits for an explanation",
                NOTHING_RECORDED,
                "There is nothing to do",
            )
        events = [JumpSettled(scope=scope, seen_ns=jump.at_ns, reason=reason.strip()) for jump in falls]
        if _appended(rules, scope, events, now_ns, state.seq):
            return falls
    raise _unreadable(scope, "other programs append to the journal all the time")


def rebase(rules: Rules, scope: Scope, reason: str, *, currency: str, now_ns: int) -> tuple[str, ...]:
    """Losses were counted in another currency than the login's equity is in now: they count from its next equity on.
    Returns the currencies of before. Only where that makes the login blind, for it forgets every loss. Raises
    CashFlowRefused or RulesUnreadable; nothing was recorded then.
    """
    if not reason.strip():
        raise CashFlowRefused("No reason was given", NOTHING_RECORDED, "Give the reason: it is kept")
    money = currency.strip().upper()
    if not _CURRENCY.fullmatch(money):
        raise CashFlowRefused(f"{currency!r} is no currency", NOTHING_RECORDED, "Give its three letters, such as EUR")
    for _ in range(TRIES_MAX):
        state = rules.journal.state()
        if isinstance(state, Unknown):
            raise _unreadable(scope, state.why)
        before = tuple(sorted({one.currency for one in books_of(state, scope).baselines}))
        blind = any(one.cause is Cause.BLIND for one in rules.state(scope).standing)
        if not blind or not any(one != money for one in before):
            counted = f"are counted in {', '.join(before)}" if before else "are not counted from anything yet"
            raise CashFlowRefused(
                f"The losses of {scope.login} {counted}, and {'it is' if blind else 'it is not'} halted as blind",
                NOTHING_RECORDED,
                "This is for a login that is blind because its equity is in another currency now; see qe status",
            )
        event = Rebased(scope=scope, reason=f"now in {money}: {reason.strip()}")
        if _appended(rules, scope, (event,), now_ns, state.seq):
            return before
    raise _unreadable(scope, "other programs append to the journal all the time")


def _appended(
    rules: Rules, scope: Scope, events: Sequence[CashFlow | JumpSettled | Rebased], now_ns: int, seq: int
) -> bool:
    """False: somebody else has appended since `seq`, and what was decided by it is old. Raises RulesUnreadable."""
    try:
        rules.journal.append(*events, at_ns=now_ns, expected_seq=seq)
    except Conflict:
        return False
    except JournalError as error:
        raise _unreadable(scope, error.trouble) from error
    return True


def _currency(amount: Decimal, given: str, known: Fact[Equity], scope: Scope) -> str:
    """What the amount is in: the currency of the losses. Raises CashFlowRefused."""
    base = known.value.currency if isinstance(known, Known) else ""
    money = given.strip().upper() or base
    if not money:
        raise CashFlowRefused(
            f"The base currency of {scope.login} is not known yet", NOTHING_RECORDED, "Give the currency"
        )
    if not _CURRENCY.fullmatch(money):
        raise CashFlowRefused(f"{money!r} is no currency", NOTHING_RECORDED, "Give its three letters, such as USD")
    if base and money != base:
        raise CashFlowRefused(
            f"The losses of {scope.login} are counted in {base}, and {amount:f} {money} is no amount of that",
            NOTHING_RECORDED,
            f"Give the amount in {base}: by how much it moves the net liquidation that TWS shows",
        )
    return money


def _unreadable(scope: Scope, why: Trouble | str) -> RulesUnreadable:
    what, then = (why.short, why.next_step) if isinstance(why, Trouble) else (why, "look at it with qe journal verify")
    return RulesUnreadable(
        f"The money of {scope.login} cannot be written down: {what}",
        "It does not count, and shows as a jump, a gain or a loss",
        f"To do: {then}, then record it again",
    )

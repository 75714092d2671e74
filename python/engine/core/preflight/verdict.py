"""What a pre-flight comes to: pass, or every failed check. Data only; the sentences are in `texts`.

A shell forwards on `verdict.passed`, which is true for no failure at all, and refuses on everything else.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TypeAlias

import msgspec


class Code(Enum):
    """A failed check. Stable: programs may rely on it. Which settings each depends on: docs/how-to/preflight.md."""

    # state
    SHUT_DOWN = "shut_down"  # nothing but cancels
    HALTED = "halted"  # it could add risk
    WOULD_CROSS_ZERO = "would_cross_zero"  # it reduces, and then opens the other side
    POSITION_UNKNOWN = "position_unknown"
    POSITION_STALE = "position_stale"
    # whose and what
    ACCOUNT_NOT_IN_LOGIN = "account_not_in_login"
    ALLOCATION = "allocation"  # to a group, profile or model: which accounts is not known
    CONTRACT_UNKNOWN = "contract_unknown"
    CONTRACT_CONTRADICTS = "contract_contradicts"  # its id is of another kind or symbol than the order says
    LEGS_UNKNOWN = "legs_unknown"
    SYMBOL_NOT_ALLOWED = "symbol_not_allowed"
    SYMBOL_BLOCKED = "symbol_blocked"
    EXPIRED = "expired"
    EXPIRES_SOON = "expires_soon"
    EXPIRY_UNKNOWN = "expiry_unknown"
    MARKET_CLOSED = "market_closed"
    SESSION_UNKNOWN = "session_unknown"
    # form
    QUANTITY_NOT_POSITIVE = "quantity_not_positive"  # zero, negative, absent, not a number, infinite
    QUANTITY_OFF_GRID = "quantity_off_grid"
    CASH_QUANTITY = "cash_quantity"  # sized by money, and nothing says how many units that is
    PRICE_MISSING = "price_missing"
    PRICE_NOT_FINITE = "price_not_finite"
    PRICE_NOT_POSITIVE = "price_not_positive"
    PRICE_OFF_GRID = "price_off_grid"
    GRID_UNKNOWN = "grid_unknown"
    ORDER_UNKNOWN = "order_unknown"  # the order that it modifies
    SIDE_CHANGED = "side_changed"
    # size
    ORDER_QUANTITY = "order_quantity"
    MAX_CONTRACTS = "max_contracts"
    ORDER_NOTIONAL = "order_notional"
    ACCOUNT_NOTIONAL = "account_notional"
    NOTIONAL_UNKNOWN = "notional_unknown"
    # price
    COLLAR = "collar"
    REFERENCE_MISSING = "reference_missing"
    REFERENCE_STALE = "reference_stale"
    # activity
    DUPLICATE = "duplicate"
    UNCONFIRMED = "unconfirmed"  # one like it was sent, and nobody has said what became of it
    REPEATS = "repeats"  # the same child over and over; latches at once
    RATE_PER_SECOND = "rate_per_second"
    RATE_PER_MINUTE = "rate_per_minute"
    # margin
    MARGIN = "margin"
    MARGIN_UNKNOWN = "margin_unknown"


Value: TypeAlias = Decimal | int | str | None


class Failure(msgspec.Struct, frozen=True):
    """One failed check: what was seen, what is allowed, and the largest quantity that would pass it, if one would.

    `about` names the contract of a combination's leg; empty: the order as a whole.
    """

    code: Code
    observed: Value
    limit: Value
    largest: Decimal | None = None
    about: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """All failed checks. None: the order may be sent."""

    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        return not self.failures

    @property
    def codes(self) -> tuple[Code, ...]:
        return tuple(failure.code for failure in self.failures)

    def __str__(self) -> str:
        """In words: a line for each failed check, with what to do."""
        from engine.core.preflight.texts import sentences  # which knows the codes of this module

        return sentences(self)


PASS = Verdict(())

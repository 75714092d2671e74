"""The pre-flight itself: every check over one order and what is known. Pure; no check is skipped for another's failure.

Which codes each check can give stands beside it: a code belongs to exactly one row (tests/core/preflight).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.core.preflight.checks_contract import (
    check_account,
    check_contract,
    check_expiry,
    check_session,
    check_symbol,
)
from engine.core.preflight.checks_form import check_grid, check_prices, check_quantity, check_replaced
from engine.core.preflight.checks_pace import check_margin, check_pace
from engine.core.preflight.checks_price import check_collar
from engine.core.preflight.checks_size import check_contracts, check_notional, check_order_quantity
from engine.core.preflight.checks_state import check_positions, check_state
from engine.core.preflight.facts import Facts
from engine.core.preflight.intent import Intent
from engine.core.preflight.settings import Settings
from engine.core.preflight.verdict import PASS, Code, Failure, Verdict

Check = Callable[[Intent, Facts, Settings], Iterator[Failure]]

CHECKS: tuple[tuple[Check, frozenset[Code]], ...] = (
    (check_state, frozenset({Code.SHUT_DOWN, Code.HALTED, Code.WOULD_CROSS_ZERO})),
    (check_positions, frozenset({Code.POSITION_UNKNOWN, Code.POSITION_STALE})),
    (check_account, frozenset({Code.ACCOUNT_NOT_IN_LOGIN, Code.ALLOCATION})),
    (check_contract, frozenset({Code.CONTRACT_UNKNOWN, Code.CONTRACT_CONTRADICTS, Code.LEGS_UNKNOWN})),
    (check_symbol, frozenset({Code.SYMBOL_NOT_ALLOWED, Code.SYMBOL_BLOCKED})),
    (check_expiry, frozenset({Code.EXPIRED, Code.EXPIRES_SOON, Code.EXPIRY_UNKNOWN})),
    (check_session, frozenset({Code.MARKET_CLOSED, Code.SESSION_UNKNOWN})),
    (check_quantity, frozenset({Code.QUANTITY_NOT_POSITIVE, Code.QUANTITY_OFF_GRID, Code.CASH_QUANTITY})),
    (check_prices, frozenset({Code.PRICE_MISSING, Code.PRICE_NOT_FINITE, Code.PRICE_NOT_POSITIVE})),
    (check_grid, frozenset({Code.PRICE_OFF_GRID, Code.GRID_UNKNOWN})),
    (check_replaced, frozenset({Code.ORDER_UNKNOWN, Code.SIDE_CHANGED})),
    (check_order_quantity, frozenset({Code.ORDER_QUANTITY})),
    (check_contracts, frozenset({Code.MAX_CONTRACTS})),
    (check_notional, frozenset({Code.ORDER_NOTIONAL, Code.ACCOUNT_NOTIONAL, Code.NOTIONAL_UNKNOWN})),
    (check_collar, frozenset({Code.COLLAR, Code.REFERENCE_MISSING, Code.REFERENCE_STALE})),
    (
        check_pace,
        frozenset({Code.UNCONFIRMED, Code.DUPLICATE, Code.REPEATS, Code.RATE_PER_SECOND, Code.RATE_PER_MINUTE}),
    ),
    (check_margin, frozenset({Code.MARGIN, Code.MARGIN_UNKNOWN})),
)


def examine(intent: Intent, facts: Facts, settings: Settings) -> Verdict:
    """Every failed check, in the order of the table."""
    failures = tuple(failure for check, _ in CHECKS for failure in check(intent, facts, settings))
    return Verdict(failures) if failures else PASS

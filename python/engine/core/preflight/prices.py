"""Which prices an order type works with, by IBKR's names. One place for it."""

from __future__ import annotations

from decimal import Decimal

from engine.core.preflight.intent import Intent
from engine.core.preflight.numbers import number
from engine.core.products import Product, product_of
from engine.core.units import Number

LIMITED = frozenset({"LMT", "STP LMT", "LIT", "LOC"})  # the limit price is what the order may cost at worst
TRIGGERED = frozenset({"STP", "STP LMT", "STP PRT", "MIT", "LIT"})  # the auxiliary price is a price, not an offset


def has_limit(intent: Intent) -> bool:
    return intent.order_type in LIMITED


def has_trigger(intent: Intent) -> bool:
    return intent.order_type in TRIGGERED


def working_prices(intent: Intent) -> tuple[tuple[str, Number], ...]:
    """The prices that this type cannot do without, by name."""
    limit = (("limit", intent.limit),) if has_limit(intent) else ()
    trigger = (("trigger", intent.aux),) if has_trigger(intent) else ()
    return limit + trigger


def may_be_negative(intent: Intent) -> bool:
    """Futures have traded below zero, and combinations are quoted there every day."""
    return intent.sec_type == "BAG" or product_of(intent.sec_type) is Product.FUTURES


def own_price(intent: Intent) -> Decimal | None:
    """The price that the order itself names: its limit, or else its trigger."""
    for _, price in working_prices(intent):
        found = number(price)
        if found is not None:
            return found
    return None

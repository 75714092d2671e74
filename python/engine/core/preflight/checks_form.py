"""Are the numbers of the order numbers, of the right sign, and on the contract's grid?

Absent, NaN, infinite, zero and negative are each told apart. None of them may leave as an order.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from engine.core.preflight.checks_price import is_fresh
from engine.core.preflight.facts import Facts
from engine.core.preflight.intent import Intent
from engine.core.preflight.numbers import NUMBER_MIN, number
from engine.core.preflight.prices import may_be_negative, working_prices
from engine.core.preflight.settings import Need, Settings
from engine.core.preflight.verdict import Code, Failure
from engine.core.products import Product, product_of
from engine.core.units import Absent

WHOLE = Decimal(1)


def check_quantity(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """A finite quantity above zero, on the grid. An order sized by money has none of its own."""
    quantity = number(intent.quantity)
    cash = intent.special.cash_qty if intent.special is not None else Absent.BLANK
    if not isinstance(cash, Absent) and number(cash) != 0:  # what is no number is not zero, and cannot be compared
        if not facts.touched:
            yield Failure(Code.CASH_QUANTITY, shown(cash), None)
        return
    if quantity is None or quantity <= 0:
        yield Failure(Code.QUANTITY_NOT_POSITIVE, shown(intent.quantity), None)
        return
    step = quantity_step(intent, facts)
    if quantity % step:
        yield Failure(Code.QUANTITY_OFF_GRID, quantity, step, quantity - quantity % step)


def quantity_step(intent: Intent, facts: Facts) -> Decimal:
    """The contract's own increment where it is known; futures, options and combinations come in whole ones."""
    if facts.listing is not None and facts.listing.size_increment:
        return facts.listing.size_increment
    fractional = product_of(intent.sec_type) in (Product.SHARES, Product.OTHER) and intent.sec_type != "BAG"
    return NUMBER_MIN if fractional else WHOLE


def check_prices(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """Every price that the order type works with is there and finite; zero or below only where that can be true."""
    working = working_prices(intent)
    for name, price in working:
        if isinstance(price, Absent):
            yield Failure(Code.PRICE_MISSING, name, None)
        elif number(price) is not None and price <= 0 and not _sign_possible(intent, facts, settings):
            yield Failure(Code.PRICE_NOT_POSITIVE, price, 0)
    for price in (intent.limit, intent.aux):
        if not isinstance(price, Absent) and number(price) is None:
            yield Failure(Code.PRICE_NOT_FINITE, str(price), None)


def _sign_possible(intent: Intent, facts: Facts, settings: Settings) -> bool:
    """A future at or below zero is believed only beside a fresh price that says where the market is."""
    if intent.sec_type == "BAG" or not may_be_negative(intent):
        return intent.sec_type == "BAG"
    return facts.reference is not None and is_fresh(facts.reference, facts.now_ns, settings)


def check_grid(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """Prices are whole ticks. Finer grids than the contract's smallest tick do not exist; coarser ones IBKR tells."""
    if settings.grid is Need.OFF or intent.sec_type == "BAG":
        return
    tick = facts.listing.min_tick if facts.listing else None
    if not tick:
        if settings.grid is Need.REQUIRED and facts.adds_risk and working_prices(intent):
            yield Failure(Code.GRID_UNKNOWN, intent.con_id, None)
        return
    for _, price in working_prices(intent):
        finite = number(price)
        if finite is not None and finite % tick:
            yield Failure(Code.PRICE_OFF_GRID, finite, tick)


def check_replaced(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """A modify is of an order that works, in the same contract, on the same side; of a combination in all its legs."""
    if intent.special is None or intent.special.modifies is None:
        return
    if not facts.replaced:
        client_id, order_id = intent.special.modifies
        yield Failure(Code.ORDER_UNKNOWN, f"order {order_id} of client {client_id}", None)
        return
    places = {(one.account, one.con_id): one.side for one in facts.replaced}
    for one in facts.touched:
        side = places.get((intent.account, one.con_id))
        if side is not one.change.side:
            yield Failure(Code.SIDE_CHANGED, one.change.side.value, side.value if side else None)
    left_out = places.keys() - {(intent.account, one.con_id) for one in facts.touched}
    if facts.touched and len(left_out) < len(places):  # else every contract is another one, which was told
        for _, con_id in sorted(left_out):
            yield Failure(
                Code.SIDE_CHANGED, "left out", places[intent.account, con_id].value, about=f"contract {con_id}"
            )


def shown(value: object) -> str:
    return value.value if isinstance(value, Absent) else str(value)

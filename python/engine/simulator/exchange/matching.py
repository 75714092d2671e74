"""At what price an order fills, and when a stop is reached. Pure: an order and a market in, a price out."""

from __future__ import annotations

from decimal import Decimal

from engine.simulator.exchange import refusals
from engine.simulator.exchange.book import LiveOrder
from engine.simulator.exchange.orders import OrderType
from engine.simulator.exchange.refusals import Refusal


def fill_price(order: LiveOrder, bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    """The price of a fill now, or None. Never worse than the order's limit.

    An order that comes to the market takes the other side's price; one that was there first gets its own.
    """
    if order.stop_price is not None and not order.is_triggered:
        return None
    sign = order.request.sign
    other_side = ask if sign > 0 else bid
    if other_side is None:
        return None
    works_as = order.works_as
    if works_as is OrderType.MKT:
        return other_side
    limit = order.request.lmt_price
    if works_as is OrderType.MIDPRICE:
        middle = _middle(order, bid, ask)
        return middle if middle is not None and (limit is None or (middle - limit) * sign <= 0) else None
    if limit is None or (other_side - limit) * sign > 0:
        return None
    return limit if order.is_resting and not order.instrument.legs else other_side  # legs bring what they bring


def _middle(order: LiveOrder, bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    """The midpoint on the grid, rounded towards the other side."""
    if bid is None or ask is None:
        return None
    rule, middle = order.instrument.rule, (bid + ask) / 2
    return rule.ceil(middle) if order.request.sign > 0 else rule.floor(middle)


def follow(order: LiveOrder, last: Decimal) -> None:
    """See whether a stop is reached by this price; if not, let a trailing one follow it."""
    stop, sign = order.stop_price, order.request.sign
    if stop is None:
        return
    if (last - stop) * sign >= 0:
        order.is_triggered = True
        order.is_resting = False
    elif order.request.order_type == OrderType.TRAIL:
        closer = last + sign * _trail_distance(order, last)
        if (closer - stop) * sign < 0:
            order.stop_price = closer


def first_trail_stop(order: LiveOrder, last: Decimal) -> Decimal:
    """Where a trailing stop starts: where the client says, or at its distance from the market."""
    given = order.request.trail_stop_price
    return given if given is not None else last + order.request.sign * _trail_distance(order, last)


def _trail_distance(order: LiveOrder, last: Decimal) -> Decimal:
    request = order.request
    if request.aux_price is not None:
        return request.aux_price
    percent = request.trailing_percent if request.trailing_percent is not None else Decimal(0)
    return order.instrument.rule.ceil(abs(last) * percent / 100)


def queued_notice(order: LiveOrder, opens_ns: int) -> Refusal:
    """399: the order waits for the session."""
    contract = order.instrument.contract
    venue = f"{contract.primary_exchange}.{contract.trading_class}" if contract.primary_exchange else contract.exchange
    until = order.instrument.calendar.local_text(opens_ns)
    return refusals.queued(order.request.action, order.request.quantity, f"{contract.symbol} {venue}", until)

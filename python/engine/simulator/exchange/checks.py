"""May this order exist? Every rule that needs no more than the order, its contract and the quote. Pure."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from engine.simulator.exchange import refusals
from engine.simulator.exchange.instruments import Instrument, SecType
from engine.simulator.exchange.orders import Action, NewOrder, OrderType, Tif
from engine.simulator.exchange.refusals import Refusal
from engine.simulator.exchange.settings import Behaviour

ZERO, ONE = Decimal(0), Decimal(1)
# What may be traded for an amount of money, and in what steps.
_CASH_STEPS = {SecType.CASH: ONE, SecType.STOCK: Decimal("0.0001")}
_ACTIONS, _TIFS, _TYPES = frozenset(Action), frozenset(Tif), frozenset(OrderType)
_NEEDS_LIMIT = frozenset({OrderType.LMT, OrderType.STP_LMT})
_OUTSIDE_RTH = frozenset({OrderType.LMT, OrderType.STP_LMT})  # what becomes a market order stays inside
_NEEDS_STOP = frozenset({OrderType.STP, OrderType.STP_LMT})


def malformed(order: NewOrder, instrument: Instrument, now_ns: int) -> Refusal | None:
    """Is the order itself in order? The first rule it breaks, or None."""
    if order.action not in _ACTIONS:
        return refusals.INVALID_SIDE
    if order.tif not in _TIFS:
        return refusals.INVALID_TIF
    if not _takes(instrument, order.order_type):
        return refusals.NOT_ALLOWED_ORDER_TYPE
    if instrument.expiry_ns is not None and now_ns >= instrument.expiry_ns:
        return refusals.EXPIRED
    return _bad_size(order, instrument) or _bad_price(order, instrument)


def _takes(instrument: Instrument, order_type: str) -> bool:
    if order_type not in _TYPES or not instrument.is_tradable:
        return False
    if instrument.legs:
        return order_type in (OrderType.MKT, OrderType.LMT)
    return order_type != OrderType.MIDPRICE or instrument.sec_type is SecType.STOCK


def _bad_size(order: NewOrder, instrument: Instrument) -> Refusal | None:
    if order.cash_qty is not None and not _takes_cash(order, instrument):
        return refusals.CASH_QUANTITY
    if not order.quantity.is_finite() or order.quantity == 0:
        return refusals.SIZE_ZERO
    if order.quantity < 0:
        return refusals.size_below_minimum(order.quantity, Decimal(1))
    if order.quantity != order.quantity.to_integral_value() and order.cash_qty is None:
        return refusals.FRACTIONAL
    return None


def _takes_cash(order: NewOrder, instrument: Instrument) -> bool:
    """May the order name an amount of money instead of a quantity?"""
    amount = order.cash_qty
    return (
        amount is not None
        and amount.is_finite()
        and amount > 0
        and instrument.sec_type in _CASH_STEPS
        and order.order_type in (OrderType.MKT, OrderType.LMT)
    )


def bought_for(amount: Decimal, price: Decimal, instrument: Instrument) -> Decimal:
    """How much an amount of money is worth at a price: whole units of a currency, ten-thousandths of a share."""
    step = _CASH_STEPS.get(instrument.sec_type, ONE)
    return (amount / (price * instrument.multiplier) / step).to_integral_value(ROUND_FLOOR) * step


def _bad_price(order: NewOrder, instrument: Instrument) -> Refusal | None:
    prices: list[Decimal | None] = []
    if order.order_type in _NEEDS_LIMIT or (order.order_type == OrderType.MIDPRICE and order.lmt_price is not None):
        prices.append(order.lmt_price)
    if order.order_type in _NEEDS_STOP:
        prices.append(order.aux_price)
    if order.order_type == OrderType.TRAIL:
        if (order.aux_price is None) == (order.trailing_percent is None):
            return refusals.TRAIL_NEEDS_ONE
        distance = order.aux_price if order.aux_price is not None else order.trailing_percent
        if distance is None or not distance.is_finite() or distance <= 0:
            return refusals.PRICE_NEEDED
        if order.trail_stop_price is not None:
            prices.append(order.trail_stop_price)
    for price in prices:
        if price is None or not price.is_finite() or (price <= 0 and not instrument.may_be_negative):
            return refusals.PRICE_NEEDED
        if not instrument.rule.is_on_grid(price):
            return refusals.OFF_GRID
    return None


def far_limit(
    order: NewOrder, instrument: Instrument, market_price: Decimal | None, behaviour: Behaviour
) -> Decimal | None:
    """The nearest limit price the broker would take, when this one is too far through the market. Else None."""
    if order.lmt_price is None or order.order_type != OrderType.LMT or market_price is None or instrument.legs:
        return None  # a combination's price may be next to nothing: no distance from it is far
    tick = instrument.rule.increment_at(market_price)
    slack = max(abs(market_price) * behaviour.far_limit_pct / 100, tick * behaviour.far_limit_ticks_min)
    if (order.lmt_price - market_price) * order.sign <= slack:
        return None
    nearest = market_price + order.sign * slack
    return instrument.rule.floor(nearest) if order.sign > 0 else instrument.rule.ceil(nearest)


def needs_liquid_hours(order: NewOrder, instrument: Instrument, *, is_triggered: bool) -> bool:
    """Does the order work in regular hours only? Stocks unless allowed outside; futures' stops until triggered."""
    if instrument.kept_hours_of is SecType.STOCK:
        return not (order.outside_rth and order.order_type in _OUTSIDE_RTH)
    if instrument.kept_hours_of is SecType.FUTURE and order.order_type in (*_NEEDS_STOP, OrderType.TRAIL):
        return not (is_triggered or order.outside_rth)
    return False


def ignores_outside_rth(order: NewOrder, instrument: Instrument) -> bool:
    """Is the flag set where it means nothing (2109)?"""
    if not order.outside_rth:
        return False
    if instrument.kept_hours_of is SecType.STOCK:
        return order.order_type not in _OUTSIDE_RTH
    if instrument.kept_hours_of is SecType.FUTURE:
        return order.order_type in (OrderType.MKT, OrderType.LMT)
    return True


def conflicts_with(order: NewOrder, changed: NewOrder) -> bool:
    """Does a modification touch what cannot be modified (105)?"""
    return (order.account, order.con_id, order.action, order.oca_group, order.parent_id) != (
        changed.account,
        changed.con_id,
        changed.action,
        changed.oca_group,
        changed.parent_id,
    )

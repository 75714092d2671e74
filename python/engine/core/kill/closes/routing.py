"""Where and how a position is closed: exchange, order type, price, quantity. Pure; each rule names its reason."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec

from engine.core.contracts import Contract
from engine.core.facts import Details, Quote, QuoteKind
from engine.core.hours import Session
from engine.core.kill.closes.grid import ZERO, Grid
from engine.core.kill.commands import OrderType

SMART_TYPES = frozenset({"STK", "OPT", "CFD", "WAR", "IOPT", "BOND", "FUND"})
"""Security types that IBKR routes by SMART. Futures and options on futures are not: their exchange must be named."""

WHOLE_TYPES = frozenset({"STK", "OPT", "FOP", "FUT", "WAR", "IOPT", "CFD"})
"""Security types whose API orders take whole units only (10243 for a fraction of a share)."""

FUTURES_EXCHANGES = {
    **dict.fromkeys(
        ("ES", "MES", "NQ", "MNQ", "RTY", "M2K", "6E", "EUR", "GBP", "JPY", "HE", "LE", "BTC", "MBT"), "CME"
    ),
    **dict.fromkeys(("YM", "MYM", "ZB", "ZN", "ZF", "ZT", "UB", "TN", "ZC", "ZS", "ZW", "ZL", "ZM"), "CBOT"),
    **dict.fromkeys(("CL", "MCL", "QM", "NG", "QG", "RB", "HO", "PL", "PA"), "NYMEX"),
    **dict.fromkeys(("GC", "MGC", "SI", "SIL", "HG", "MHG"), "COMEX"),
    "VIX": "CFE",
    "VXM": "CFE",
}
"""Used only when the broker does not answer contract details: a listed exchange beats no order at all."""

NEVER_ROUTE = frozenset({"QBALGO", "QBALGO2", "VALUE"})

LIMIT_OFFSETS = (Decimal("0.005"), Decimal("0.01"), Decimal("0.02"), Decimal("0.04"), Decimal("0.08"))
"""How far through the market a limit close is priced, by level, as a share of the price."""

NEARER_OFFSETS = (Decimal("0.0025"), Decimal("0.001"), Decimal(0))
"""The same for the levels below zero, where the broker took a price for too far through the market."""

LEVEL_MIN, LEVEL_MAX = -len(NEARER_OFFSETS), len(LIMIT_OFFSETS) - 1

NO_QUOTE = "no live quote to price a limit from: a market order needs none"

PRICE_MAX = Decimal(10**9)
"""What is beyond it is no price, whatever was sent."""


def exchange_for(contract: Contract, details: Details | None) -> str | None:
    """The exchange a closing order names, or None while only the broker can say."""
    if contract.sec_type in SMART_TYPES:
        return "SMART"
    named = named_exchange(details) if details is not None else None
    if named is not None:
        return named
    if contract.exchange and contract.exchange not in NEVER_ROUTE:
        return contract.exchange
    if contract.sec_type == "CASH":
        return "IDEALPRO"
    return None


def named_exchange(details: Details) -> str | None:
    """The first exchange in a contract's own definition that an order may name."""
    candidates = (details.contract.exchange, *details.valid_exchanges)
    return next((exchange for exchange in candidates if exchange and exchange not in NEVER_ROUTE), None)


def fallback_exchange(contract: Contract) -> str | None:
    """The exchange to try when the broker does not resolve the contract."""
    if contract.sec_type in ("FUT", "FOP"):
        return FUTURES_EXCHANGES.get(contract.symbol)
    return {"CASH": "IDEALPRO", "CRYPTO": "PAXOS"}.get(contract.sec_type)


def details_group(contract: Contract) -> tuple[str, ...]:
    """Contracts of one group share exchange and trading hours, so one look-up serves them all."""
    if contract.sec_type in ("FUT", "FOP"):
        return (contract.sec_type, contract.symbol, contract.currency, contract.trading_class, contract.multiplier)
    if contract.sec_type == "STK":
        return (contract.sec_type, contract.currency, contract.exchange or contract.primary_exchange)
    return (contract.sec_type, str(contract.con_id))


def whole_part(contract: Contract, quantity: Decimal, *, always: bool = False) -> Decimal:
    """The part of a signed quantity that the API can close, toward zero."""
    if contract.sec_type not in WHOLE_TYPES and not always:
        return quantity
    return quantity.to_integral_value(ROUND_FLOOR if quantity > 0 else ROUND_CEILING)


class Tactic(msgspec.Struct, frozen=True, kw_only=True):
    """How one closing order is to be sent."""

    order_type: OrderType
    limit_price: Decimal | None = None
    outside_rth: bool = False
    tif: str = "DAY"
    note: str = ""


def needs_quote(contract: Contract, session: Session, *, wants_limit: bool) -> bool:
    """A limit price, hence a live quote, is needed outside a stock's regular hours and where a market order has
    failed."""
    return wants_limit or (contract.sec_type == "STK" and session is Session.EXTENDED)


def tactic(
    contract: Contract,
    session: Session,
    quote: Quote | None,
    *,
    buys: bool,
    wants_limit: bool,
    level: int,
    grid: Grid,
    hours_over: bool = False,
) -> Tactic:
    """Market where it works; a limit through a live quote where it does not. `hours_over`: the broker says that a
    stock's regular hours are, whatever `session` says: hours are those of its group, and of ordinary days.

    Delayed and frozen quotes never make a price: without a live one the order type that needs none is used.
    """
    tif = "IOC" if contract.sec_type == "CRYPTO" else "DAY"
    if not needs_quote(contract, session, wants_limit=wants_limit):
        return Tactic(order_type=OrderType.MARKET, tif=tif)
    price = limit_price(quote, buys=buys, level=level, grid=grid)
    if price is None:
        return Tactic(order_type=OrderType.MARKET, tif=tif, note=NO_QUOTE)
    outside = contract.sec_type == "STK" and (hours_over or session is not Session.LIQUID)
    return Tactic(order_type=OrderType.LIMIT, limit_price=price, outside_rth=outside, tif=tif)


def limit_price(quote: Quote | None, *, buys: bool, level: int, grid: Grid) -> Decimal | None:
    """A price through the far side of a live quote, on the grid, rounded to where it fills. Prices may be negative."""
    if quote is None or quote.kind is not QuoteKind.LIVE:
        return None
    far = quote.ask if buys else quote.bid
    if far is None or not far.is_finite() or abs(far) > PRICE_MAX:
        return None
    offset = max(abs(far) * _share(level), grid.step_at(far))
    price = grid.onward(far + offset, up=True) if buys else grid.onward(far - offset, up=False)
    if not buys and price <= 0 < far:
        return min(grid.step_at(ZERO), far)  # a sell through a tiny bid stays above zero, and where that bid fills it
    return price


def _share(level: int) -> Decimal:
    bounded = min(max(level, LEVEL_MIN), LEVEL_MAX)
    return LIMIT_OFFSETS[bounded] if bounded >= 0 else NEARER_OFFSETS[-bounded - 1]


def two_sided(quote: Quote | None) -> bool:
    """Is this a market: live, and somebody on both sides?"""
    live = quote is not None and quote.kind is QuoteKind.LIVE and not quote.halted
    return live and quote is not None and quote.bid is not None and quote.ask is not None

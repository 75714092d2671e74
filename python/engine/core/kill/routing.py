"""Where and how a position is closed: exchange, order type, price, quantity. Pure; each rule names its reason."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec

from engine.core.contracts import Contract
from engine.core.facts import Details, Quote, QuoteKind
from engine.core.hours import Session
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
"""How far through the market a limit close is priced, by try, as a share of the price."""

PRICE_STEPS = (Decimal("0.01"), Decimal("0.05"), Decimal("0.1"), Decimal("0.25"), Decimal("1"))
"""Grids tried, coarser each time, when the broker refuses a price (110) on the grid it named itself."""

PRICE_MAX = Decimal(10**9)
TICK_MIN, TICK_MAX = Decimal("1E-9"), Decimal(10**6)
"""What is beyond these is no price and no price step, whatever was sent."""


def exchange_for(contract: Contract, details: Details | None) -> str | None:
    """The exchange a closing order names, or None while only the broker can say."""
    if contract.sec_type in SMART_TYPES:
        return "SMART"
    if details is not None:
        candidates = (details.contract.exchange, *details.valid_exchanges)
        for exchange in candidates:
            if exchange and exchange not in NEVER_ROUTE:
                return exchange
    if contract.exchange and contract.exchange not in NEVER_ROUTE:
        return contract.exchange
    if contract.sec_type == "CASH":
        return "IDEALPRO"
    return None


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


def needs_quote(contract: Contract, session: Session, *, market_refused: bool) -> bool:
    """A limit price, hence a live quote, is needed outside a stock's regular hours and after a refused market order."""
    return market_refused or (contract.sec_type == "STK" and session is Session.EXTENDED)


def tactic(
    contract: Contract,
    session: Session,
    quote: Quote | None,
    *,
    buys: bool,
    market_refused: bool,
    level: int,
    grid: Decimal,
) -> Tactic:
    """Market where it works; a limit through a live quote where it does not.

    Delayed and frozen quotes never make a price: without a live one the order type that needs none is used.
    """
    tif = "IOC" if contract.sec_type == "CRYPTO" else "DAY"
    if not needs_quote(contract, session, market_refused=market_refused):
        return Tactic(order_type=OrderType.MARKET, tif=tif)
    price = limit_price(quote, buys=buys, level=level, grid=grid)
    if price is None:
        return Tactic(order_type=OrderType.MARKET, tif=tif, note="no live quote: a market order needs none")
    outside = contract.sec_type == "STK" and session is not Session.LIQUID
    return Tactic(order_type=OrderType.LIMIT, limit_price=price, outside_rth=outside, tif=tif)


def limit_price(quote: Quote | None, *, buys: bool, level: int, grid: Decimal) -> Decimal | None:
    """A price through the far side of a live quote, on the grid, rounded to where it fills. Prices may be negative."""
    if quote is None or quote.kind is not QuoteKind.LIVE:
        return None
    far = quote.ask if buys else quote.bid
    if far is None or not far.is_finite() or abs(far) > PRICE_MAX:
        return None
    offset = max(abs(far) * LIMIT_OFFSETS[min(level, len(LIMIT_OFFSETS) - 1)], grid)
    raw = far + offset if buys else far - offset
    steps = (raw / grid).to_integral_value(ROUND_CEILING if buys else ROUND_FLOOR)
    if not buys and far > 0:
        steps = max(steps, Decimal(1))  # a sell through a tiny bid stays at one tick, not at or below zero
    return steps * grid


def price_grid(details: Details | None, coarser: int) -> Decimal:
    """The price step: the broker's minTick, or a coarser one for every time it was refused."""
    named = details.min_tick if details is not None else None
    tick = named if named is not None and TICK_MIN <= named <= TICK_MAX else Decimal("0.01")
    coarse = [step for step in PRICE_STEPS if step > tick and step % tick == 0]
    if coarser <= 0 or not coarse:
        return tick
    return coarse[min(coarser, len(coarse)) - 1]

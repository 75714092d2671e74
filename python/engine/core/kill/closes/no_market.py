"""Live quotes that are no market: stubs, crossed sides, prices that a contract cannot have. Pure.

Outside regular hours and in halts market makers leave quotes that nobody is meant to trade at (a bid of a cent, an
offer of 199,999.99). A limit through such a side gives the position away to whoever is there. What is no market is no
quote.
"""

from __future__ import annotations

from decimal import Decimal

from engine.core.contracts import Contract
from engine.core.facts import Quote, QuoteKind

BELOW_ZERO = frozenset({"FUT", "FOP", "BAG", "CFD"})
"""Security types whose prices may be below zero."""

CROSSED_MAX = Decimal("0.01")
"""The sides of a consolidated quote cross for moments, by a tick or two; beyond this share of the bid one is wrong."""

OPTIONS = frozenset({"OPT", "FOP", "WAR", "IOPT"})
WIDE_RATIO, WIDE_GAP = Decimal("1.5"), Decimal("0.25")
OPTION_RATIO, OPTION_GAP = Decimal(20), Decimal(10)
"""An offer so many times the bid, and so far from it, is a stub. Options are quoted wide by honest people too: a bid of
a nickel under an offer of a dollar is a market."""


def no_market(quote: Quote, contract: Contract) -> str:
    """Why nothing is priced from it; empty where it may be. One side alone may be a market."""
    bid, ask = quote.bid, quote.ask
    if quote.kind is not QuoteKind.LIVE or not all(side is None or side.is_finite() for side in (bid, ask)):
        return ""  # no price is made of it anyway
    if contract.sec_type not in BELOW_ZERO and any(side is not None and side < 0 for side in (bid, ask)):
        return f"the quote is no price: {_sides(quote)}"
    if bid is None or ask is None or bid <= 0:
        return ""
    if bid - ask > CROSSED_MAX * bid:
        return f"the quote is crossed: {_sides(quote)}"
    ratio, gap = (OPTION_RATIO, OPTION_GAP) if contract.sec_type in OPTIONS else (WIDE_RATIO, WIDE_GAP)
    if ask > ratio * bid and ask - bid > gap:
        return f"the quote is too wide to be a market: {_sides(quote)}"
    return ""


def _sides(quote: Quote) -> str:
    bid, ask = (f"{side:f}" if side is not None else "none" for side in (quote.bid, quote.ask))
    return f"bid {bid}, ask {ask}"

"""Contracts and quantities as a trader would say them: for every page, line and report."""

from __future__ import annotations

import re
from decimal import Decimal

from engine.core.contracts import Contract
from engine.core.units import known

_OPTION_SYMBOL = re.compile(r"\b([A-Z][A-Z.]{0,5}) ?(\d{6})([CP])(\d{8})\b")  # OCC's: SPY   260417P00560000


def name_of(contract: Contract) -> str:
    """A contract as a trader would say it."""
    strike = known(contract.strike)
    if contract.sec_type in ("OPT", "FOP") and strike is not None:
        return f"{contract.symbol} {contract.last_trade_date} {number(strike)}{contract.right[:1]}"
    if contract.sec_type == "FUT":
        return contract.local_symbol.strip() or f"{contract.symbol} {contract.last_trade_date}"
    if contract.sec_type == "BAG":
        return f"{contract.symbol} combination".strip()
    if contract.sec_type == "CASH":
        return f"{contract.symbol}.{contract.currency}"
    return contract.symbol or contract.local_symbol or f"contract {contract.con_id}"


def readable(text: str) -> str:
    """A line of the kill's, with options named as here and no padding: core writes the broker's own symbols."""
    return _OPTION_SYMBOL.sub(_option, " ".join(text.split()))


def _option(found: re.Match[str]) -> str:
    symbol, date, right, thousandths = found.groups()
    return f"{symbol} 20{date} {number((Decimal(thousandths) / 1000).normalize())}{right}"


def amount_of(quantity: Decimal) -> str:
    """A signed quantity as a trader would say it: "long 3"."""
    return f"{'long' if quantity > 0 else 'short'} {number(abs(quantity))}"


def quantity_text(quantity: Decimal, *, sign: bool = False) -> str:
    """A quantity without needless digits; `sign`: a plus before what is above zero."""
    return f"{'+' if sign and quantity > 0 else ''}{number(quantity)}"


def number(value: Decimal) -> str:
    """Without needless digits."""
    text = f"{value:f}"
    if "." not in text:
        return text
    return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) >= 1 else text.rstrip("0").rstrip(".")

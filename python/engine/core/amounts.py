"""Money, percentages and times of day as people read them. Pure."""

from __future__ import annotations

from decimal import Decimal


def money_text(amount: Decimal, currency: str) -> str:
    """An amount to the cent, in words that a trader reads at a glance: "$1,234.50", "-1,234.50 EUR"."""
    text = f"{abs(amount):,.2f}"
    sign = "-" if amount < 0 else ""
    return f"{sign}${text}" if currency == "USD" else f"{sign}{text} {currency}".rstrip()


def percent_text(value: Decimal) -> str:
    """A percentage to two places, without needless digits."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{text} %"

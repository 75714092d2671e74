"""Which numbers of an order can be reckoned with. What is beyond them is refused for its form before any arithmetic."""

from __future__ import annotations

from decimal import Decimal

from engine.core.units import Absent

NUMBER_MAX = Decimal(10**15)  # no price and no quantity is larger
NUMBER_MIN = Decimal("0.00000001")  # the finest step of a price or quantity that IBKR takes


def number(value: Decimal | Absent | None) -> Decimal | None:
    """The value if it is finite and of a size that prices and quantities have; zero and negative ones too."""
    if isinstance(value, Decimal) and value.is_finite() and abs(value) <= NUMBER_MAX:
        return value
    return None

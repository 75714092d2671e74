"""What one login is worth right now, from what its broker says: known since a moment, or unknown for a reason.

The broker reports NetLiquidation at most every three minutes, and it may be that old when it comes; profit and loss
arrive every second. Equity is the last report, moved by the profit and loss since.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Equity(msgspec.Struct, frozen=True):
    """All accounts of a login together. `settled` False: moved by something that the next report has to confirm; good
    enough to measure a loss, not to measure later losses from."""

    amount: Decimal
    currency: str
    settled: bool = True


_AMOUNT_MAX = Decimal(10) ** 15


def plausible(amount: Decimal) -> bool:
    """A number that money can be: finite, and not one of those that stand for something else."""
    return amount.is_finite() and abs(amount) < _AMOUNT_MAX

"""What an order costs: per unit or by value, with a minimum an order (not an execution), rounded to the cent."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from engine.simulator.exchange.instruments import Instrument

CENT = Decimal("0.01")


def total(instrument: Instrument, quantity: Decimal, value: Decimal) -> Decimal:
    """The commission of an order of which so much, worth so much, has been filled."""
    rates = instrument.commission
    if not quantity:
        return Decimal(0)
    amount = quantity * rates.per_unit + abs(value) * rates.share_of_value
    return max(amount, rates.minimum).quantize(CENT, ROUND_HALF_UP)

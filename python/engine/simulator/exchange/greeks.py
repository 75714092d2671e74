"""How an option's value reacts: to its underlying, to volatility, to a day. Differences of the model in `options`.

Pure. Consistent with the simulated prices and with nothing else: a hedge that they suggest works here.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.simulator.exchange import options
from engine.simulator.exchange.instruments import Instrument

DAYS_PER_YEAR = 365  # the model counts calendar days
_ROOT = Decimal(DAYS_PER_YEAR).sqrt()
_NUDGE = Decimal("0.001")  # of the underlying's price
_POINT = Decimal("0.01")  # of annual volatility
VOLATILITY_MAX = Decimal(20)
UNDERLYING_MAX = Decimal(10**9)
_HALVINGS = 40


class Greeks(msgspec.Struct, frozen=True, kw_only=True):
    """Per unit of the underlying, as TWS gives them: vega for a point of volatility, theta for a day."""

    volatility: Decimal  # annual, as a share: 0.2
    value: Decimal
    delta: Decimal
    gamma: Decimal
    vega: Decimal
    theta: Decimal
    underlying: Decimal


def of(option: Instrument, underlying: Decimal, at_ns: int) -> Greeks:
    """Everything at one price of the underlying."""
    step = max(abs(underlying) * _NUDGE, Decimal("0.000001"))
    here = options.value(option, underlying, at_ns)
    above = options.value(option, underlying + step, at_ns)
    below = options.value(option, underlying - step, at_ns)
    volatility = option.daily_move_pct / 100 * _ROOT
    return Greeks(
        volatility=volatility,
        value=here,
        delta=(above - below) / (2 * step),
        gamma=(above - 2 * here + below) / (step * step),
        vega=value_at(option, underlying, volatility + _POINT, at_ns) - here,
        theta=options.value(option, underlying, at_ns + options.NS_PER_DAY) - here,
        underlying=underlying,
    )


def value_at(option: Instrument, underlying: Decimal, volatility: Decimal, at_ns: int) -> Decimal:
    """What the option would be worth at another volatility."""
    return options.value(_at(option, volatility), underlying, at_ns)


def _at(option: Instrument, volatility: Decimal) -> Instrument:
    return msgspec.structs.replace(option, daily_move_pct=volatility * 100 / _ROOT)


def at_volatility(option: Instrument, underlying: Decimal, volatility: Decimal, at_ns: int) -> Greeks:
    return of(_at(option, volatility), underlying, at_ns)


def implied_volatility(option: Instrument, price: Decimal, underlying: Decimal, at_ns: int) -> Decimal | None:
    """The volatility at which the model gives this price; None: there is none."""
    low, high = Decimal(0), VOLATILITY_MAX
    if not options.intrinsic(option, underlying) < price < value_at(option, underlying, high, at_ns):
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if value_at(option, underlying, middle, at_ns) < price:
            low = middle
        else:
            high = middle
    return (low + high) / 2

"""What an option is worth: a smooth, cheap and exactly repeatable value. A price to trade at, not a model to trust.

Close to Bachelier's: intrinsic value far in the money, nothing far out of it, about 0.4 deviations at the strike.
Decimal's own exp and ln are correctly rounded, so every machine gets the same value.
"""

from __future__ import annotations

from decimal import Context, Decimal

from engine.simulator.exchange.instruments import Instrument

NS_PER_DAY = 86_400 * 1_000_000_000
_CONTEXT = Context(prec=12)
_STEEPNESS = Decimal("1.702")  # makes the logistic curve fit the normal one
_CERTAIN = Decimal(12)  # deviations beyond which the option is worth its intrinsic value, or nothing


def days_left(expiry_ns: int, at_ns: int) -> int:
    """Whole days to expiry, the begun one counted; 0 from expiry on."""
    return max(-((at_ns - expiry_ns) // NS_PER_DAY), 0) if at_ns < expiry_ns else 0


def intrinsic(instrument: Instrument, underlying_price: Decimal) -> Decimal:
    """What exercise at this price of the underlying would bring."""
    return max(_in_the_money(instrument, underlying_price), Decimal(0))


def value(instrument: Instrument, underlying_price: Decimal, at_ns: int) -> Decimal:
    """The unrounded value of an option."""
    money = _in_the_money(instrument, underlying_price)
    days = days_left(instrument.expiry_ns or 0, at_ns)
    deviation = _CONTEXT.multiply(abs(underlying_price), instrument.daily_move_pct / 100)
    deviation = _CONTEXT.multiply(deviation, _CONTEXT.sqrt(Decimal(days)))
    if deviation == 0 or abs(money) > _CERTAIN * deviation:
        return max(money, Decimal(0))
    slope = _CONTEXT.divide(deviation, _STEEPNESS)
    odds = _CONTEXT.exp(_CONTEXT.divide(money, slope))
    return _CONTEXT.multiply(slope, _CONTEXT.ln(odds + 1))


def _in_the_money(instrument: Instrument, underlying_price: Decimal) -> Decimal:
    strike = instrument.contract.strike
    if not isinstance(strike, Decimal):
        raise ValueError(f"an option needs a strike: {instrument.contract.local_symbol}")
    return underlying_price - strike if instrument.contract.right == "C" else strike - underlying_price

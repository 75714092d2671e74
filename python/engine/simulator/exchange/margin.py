"""How much margin positions need: simple rates per product, spreads recognised, short options dear when naked.

Positions are judged in groups that hedge each other: an option with its underlying and the other options on it.
Approximation: no portfolio effects between futures months or between products.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.simulator.exchange.instruments import Instrument, SecType

ZERO = Decimal(0)


class Line(msgspec.Struct, frozen=True):
    """A position as margin sees it."""

    instrument: Instrument
    quantity: Decimal
    price: Decimal
    underlying_price: Decimal  # options only


class Requirement(msgspec.Struct, frozen=True):
    initial: Decimal = ZERO
    maintenance: Decimal = ZERO

    def __sub__(self, other: Requirement) -> Requirement:
        return Requirement(self.initial - other.initial, self.maintenance - other.maintenance)

    def __add__(self, other: Requirement) -> Requirement:
        return Requirement(self.initial + other.initial, self.maintenance + other.maintenance)


def required(lines: Iterable[Line]) -> Requirement:
    """What one group needs."""
    initial = maintenance = ZERO
    calls: list[Line] = []
    puts: list[Line] = []
    cover = ZERO  # units of the underlying held, in the options' multiplier
    for line in lines:
        if line.instrument.is_option:
            (calls if line.instrument.contract.right == "C" else puts).append(line)
            continue
        size = _size(line)
        initial += size * line.instrument.margin.initial
        maintenance += size * line.instrument.margin.maintenance
        cover += line.quantity * line.instrument.multiplier
    for options, covering in ((calls, cover), (puts, -cover)):
        if any(line.quantity < 0 for line in options):
            initial += _short_options(options, max(covering, ZERO), maintenance=False)
            maintenance += _short_options(options, max(covering, ZERO), maintenance=True)
    return Requirement(initial, maintenance)


def _size(line: Line) -> Decimal:
    """What the rate applies to: contracts for futures, market value for the rest."""
    if line.instrument.sec_type is SecType.FUTURE:
        return abs(line.quantity)
    return abs(line.quantity * line.price * line.instrument.multiplier)


def _short_options(options: list[Line], cover: Decimal, *, maintenance: bool) -> Decimal:
    """Margin of the short options of one right: covered by the underlying, then by long options, then naked."""
    ordered = sorted(options, key=_by_expiry_and_strike)
    longs = [line for line in ordered if line.quantity > 0]
    unused = [line.quantity for line in longs]
    total = ZERO
    for short in (line for line in ordered if line.quantity < 0):
        naked = _naked(short, maintenance=maintenance)
        left = -short.quantity
        covered = min(left, cover // short.instrument.multiplier)
        cover -= covered * short.instrument.multiplier
        left -= covered
        for index, long in enumerate(longs):
            if long.instrument.contract.last_trade_date < short.instrument.contract.last_trade_date:
                continue  # it would expire first and leave the short naked
            matched = min(left, unused[index])
            unused[index] -= matched
            left -= matched
            total += matched * min(_width(long, short), naked)
        total += left * naked
    return total


def _by_expiry_and_strike(line: Line) -> tuple[str, Decimal]:
    return line.instrument.contract.last_trade_date, _strike(line)


def _strike(line: Line) -> Decimal:
    strike = line.instrument.contract.strike
    return strike if isinstance(strike, Decimal) else ZERO


def _width(long: Line, short: Line) -> Decimal:
    """The most a spread of one each can lose, beyond its premium."""
    distance = _strike(long) - _strike(short)
    if short.instrument.contract.right == "P":
        distance = -distance
    return max(distance, ZERO) * short.instrument.multiplier


def _naked(line: Line, *, maintenance: bool) -> Decimal:
    """One uncovered short: its price plus a share of the underlying, less for being out of the money, at least half."""
    rates = line.instrument.margin
    share = line.underlying_price * (rates.maintenance if maintenance else rates.initial)
    in_money = line.underlying_price - _strike(line)
    out_of_money = max(-in_money if line.instrument.contract.right == "C" else in_money, ZERO)
    return (line.price + max(share - out_of_money, share / 2)) * line.instrument.multiplier

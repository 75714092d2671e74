"""Ticks: the price path of the past and the present, one look a second while the market is open. Reads markets only.

Real markets have many ticks in a second and none in the next; a program that reads them sees the same kinds of values.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import msgspec

from engine.simulator.exchange.calendars import NS_PER_S, Calendar, Window
from engine.simulator.exchange.instruments import Instrument
from engine.simulator.exchange.market import Markets

_DAYS_LOOKED_AT_MAX = 30  # in search of a session; no market rests longer


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """One second: what traded, and what could be traded."""

    at_ns: int
    price: Decimal
    size: Decimal
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal
    ask_size: Decimal

    @property
    def midpoint(self) -> Decimal:
        return (self.bid + self.ask) / 2 if self.bid is not None and self.ask is not None else self.price


class TimeAndSales:
    """Time and sales of every contract of one login."""

    def __init__(self, markets: Markets) -> None:
        self._markets = markets

    def at(self, instrument: Instrument, at_ns: int) -> Tick:
        """The tick of one second."""
        quote = self._markets.quote(instrument, at_ns)
        return Tick(
            at_ns=at_ns,
            price=quote.last,
            size=1 + quote.bid_size // 5,
            bid=quote.bid,
            ask=quote.ask,
            bid_size=quote.bid_size,
            ask_size=quote.ask_size,
        )

    def before(self, instrument: Instrument, end_ns: int, count: int, *, regular_hours: bool) -> list[Tick]:
        """The last ticks before an instant, oldest first."""
        found: list[int] = []
        for window in _sessions(instrument.calendar, end_ns, -1, liquid=regular_hours):
            last = _whole_second(min(window.end_ns, end_ns)) - NS_PER_S
            first = max(window.start_ns, last - (count - len(found) - 1) * NS_PER_S)
            found = [*range(first, last + 1, NS_PER_S), *found]
            if len(found) >= count:
                break
        return [self.at(instrument, at_ns) for at_ns in found[-count:]]

    def after(
        self, instrument: Instrument, start_ns: int, now_ns: int, count: int, *, regular_hours: bool
    ) -> list[Tick]:
        """The first ticks from an instant on, up to the present."""
        found: list[int] = []
        for window in _sessions(instrument.calendar, start_ns, 1, liquid=regular_hours):
            first = _whole_second(max(window.start_ns, start_ns))
            end = min(window.end_ns, now_ns + 1, first + (count - len(found)) * NS_PER_S)
            found += range(first, end, NS_PER_S)
            if len(found) >= count or window.end_ns > now_ns:
                break
        return [self.at(instrument, at_ns) for at_ns in found]


def _sessions(calendar: Calendar, from_ns: int, step: int, *, liquid: bool) -> Iterator[Window]:
    """The sessions that begin before an instant, newest first (step -1), or end after it, oldest first (1)."""
    day = calendar.local_date(from_ns) - timedelta(days=step)  # an evening opening belongs to the next day
    for _ in range(_DAYS_LOOKED_AT_MAX):
        window = calendar.liquid(day) if liquid else calendar.trading(day)
        if window is not None and (window.start_ns < from_ns if step < 0 else window.end_ns > from_ns):
            yield window
        day += timedelta(days=step)


def _whole_second(at_ns: int) -> int:
    """The next whole second, this instant included."""
    return -(-at_ns // NS_PER_S) * NS_PER_S

"""Historical bars: the price path of the past, looked at and summed up. Reads markets, and never beyond the present.

A bar's high and low are of a dozen looks at the path. Bars lie within sessions and are counted from their openings.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum

import msgspec

from engine.simulator.exchange.calendars import NS_PER_S, Calendar
from engine.simulator.exchange.instruments import Instrument, SecType
from engine.simulator.exchange.market import Markets
from engine.simulator.exchange.volumes import Volumes

DAY_S = 86_400
HISTORY_DAYS = 730  # how far back there is anything
BARS_MAX = 3_000
_LOOKS = 12
_NO_VALUE = Decimal(-1)  # how TWS writes volume, average and count of prices that were not trades
_TENTH = Decimal("0.1")


class Show(Enum):
    """What the bars are made of."""

    TRADES = "TRADES"
    ADJUSTED_LAST = "ADJUSTED_LAST"
    MIDPOINT = "MIDPOINT"
    BID = "BID"
    ASK = "ASK"

    @property
    def is_trades(self) -> bool:
        return self in (Show.TRADES, Show.ADJUSTED_LAST)


class Span(msgspec.Struct, frozen=True):
    """How far back: seconds of open market, trading days, or calendar days."""

    amount: int
    unit: str  # S, D, W, M, Y


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which bars are wanted."""

    end_ns: int
    span: Span
    size_s: int  # from DAY_S on: whole sessions, put together by day, week or month
    show: Show
    regular_hours: bool


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    start_ns: int
    trade_date: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    average: Decimal
    count: Decimal


class Stretch(msgspec.Struct, frozen=True):
    """A stretch of one session, up to the present at most. `whole_ns` is where it ends when all of it has passed."""

    trade_date: date
    start_ns: int
    end_ns: int
    whole_ns: int


class TooManyBars(ValueError):
    """The request asks for more than is worth computing."""


_CALENDAR_DAYS = {"W": 7, "M": 30, "Y": 365}


class History:
    """The past of every contract of one login."""

    def __init__(self, *, start_ns: int, markets: Markets, volumes: Volumes) -> None:
        self._markets, self._volumes = markets, volumes
        self.head_ns = start_ns - HISTORY_DAYS * DAY_S * NS_PER_S

    def bars(self, instrument: Instrument, asked: Asked) -> list[Bar]:
        """The bars, oldest first; the last one may still be growing."""
        stretches = self._stretches(instrument.calendar, asked)
        if asked.size_s >= DAY_S:
            return self._by_day(instrument, stretches, asked)
        pieces = [piece for stretch in stretches for piece in _cut(stretch, asked.size_s)]
        if len(pieces) > BARS_MAX:
            raise TooManyBars(f"{len(pieces)} bars")
        return [self._bar(instrument, piece, asked.show) for piece in pieces]

    def _by_day(self, instrument: Instrument, stretches: list[Stretch], asked: Asked) -> list[Bar]:
        days = [self._bar(instrument, stretch, asked.show) for stretch in stretches]
        groups: dict[tuple[int, int], list[Bar]] = {}
        for day in days:
            groups.setdefault(_group_of(day.trade_date, asked.size_s), []).append(day)
        return [_together(group) for group in groups.values()]

    def _stretches(self, calendar: Calendar, asked: Asked) -> list[Stretch]:
        """What the span covers, oldest first."""
        found: list[Stretch] = []
        seconds = asked.span.amount
        days = _CALENDAR_DAYS.get(asked.span.unit)
        from_ns = asked.end_ns - days * asked.span.amount * DAY_S * NS_PER_S if days is not None else self.head_ns
        for stretch in self._backwards(calendar, asked):
            if stretch.end_ns <= from_ns or (asked.span.unit == "D" and len(found) == asked.span.amount):
                break
            if asked.span.unit == "S":
                if seconds <= 0:
                    break
                wanted = stretch
                stretch = _last_seconds(stretch, seconds, asked.size_s)
                seconds -= (wanted.end_ns - stretch.start_ns) // NS_PER_S
            found.append(stretch)
        return found[::-1]

    def _backwards(self, calendar: Calendar, asked: Asked) -> Iterator[Stretch]:
        """The sessions before an instant, newest first; the one that holds it up to there."""
        day = calendar.local_date(asked.end_ns) + timedelta(days=1)  # an evening opening belongs to the next day
        while True:
            window = calendar.liquid(day) if asked.regular_hours else calendar.trading(day)
            if window is not None and window.start_ns < asked.end_ns:
                if window.start_ns < self.head_ns:
                    return
                yield Stretch(day, window.start_ns, min(window.end_ns, asked.end_ns), window.end_ns)
            elif window is None and calendar.local_date(self.head_ns) > day:
                return
            day -= timedelta(days=1)

    def _bar(self, instrument: Instrument, stretch: Stretch, show: Show) -> Bar:
        """One bar. The looks are at fixed places of the whole bar; the last one is at its end, or at the present."""
        length_ns = stretch.whole_ns - stretch.start_ns
        places = [stretch.start_ns + length_ns * look // _LOOKS for look in range(_LOOKS)]
        looks = [at_ns for at_ns in places if at_ns < stretch.end_ns - 1] + [stretch.end_ns - 1]
        prices = [self._price(instrument, at_ns, show) for at_ns in looks]
        volume = average = count = _NO_VALUE
        if show.is_trades and instrument.sec_type is not SecType.CASH:
            traded = self._volumes.between(instrument, stretch.start_ns, stretch.end_ns)
            volume, count = Decimal(traded), Decimal(traded // 3)
            average = (sum(prices, Decimal(0)) / len(prices)).quantize(instrument.min_tick * _TENTH)
        return Bar(
            start_ns=stretch.start_ns,
            trade_date=stretch.trade_date,
            open=prices[0],
            high=max(prices),
            low=min(prices),
            close=prices[-1],
            volume=volume,
            average=average,
            count=count,
        )

    def _price(self, instrument: Instrument, at_ns: int, show: Show) -> Decimal:
        last = self._markets.last(instrument, at_ns)
        if show.is_trades:
            return last
        bid, ask = self._markets.touch(instrument, at_ns)
        match show:
            case Show.BID:
                return bid if bid is not None else last
            case Show.ASK:
                return ask if ask is not None else last
            case _:
                return (bid + ask) / 2 if bid is not None and ask is not None else last


def _last_seconds(stretch: Stretch, seconds: int, size_s: int) -> Stretch:
    """The end of a stretch, beginning where a bar does."""
    size_ns = size_s * NS_PER_S
    bars = max(stretch.end_ns - seconds * NS_PER_S - stretch.start_ns, 0) // size_ns
    return msgspec.structs.replace(stretch, start_ns=stretch.start_ns + bars * size_ns)


def _cut(stretch: Stretch, size_s: int) -> Iterator[Stretch]:
    """The stretch in pieces of one size; the session's last one may be shorter."""
    size_ns = size_s * NS_PER_S
    for start_ns in range(stretch.start_ns, stretch.end_ns, size_ns):
        whole_ns = min(start_ns + size_ns, stretch.whole_ns)
        yield Stretch(stretch.trade_date, start_ns, min(whole_ns, stretch.end_ns), whole_ns)


def _group_of(day: date, size_s: int) -> tuple[int, int]:
    """What a day is put together with: itself, its week, or its month."""
    if size_s == DAY_S:
        return day.year, day.timetuple().tm_yday
    if size_s == 7 * DAY_S:
        year, week, _ = day.isocalendar()
        return year, week
    return day.year, day.month


def _together(days: list[Bar]) -> Bar:
    first, last = days[0], days[-1]
    has_volume = first.volume >= 0
    return Bar(
        start_ns=first.start_ns,
        trade_date=last.trade_date,
        open=first.open,
        high=max(day.high for day in days),
        low=min(day.low for day in days),
        close=last.close,
        volume=sum((day.volume for day in days), Decimal(0)) if has_volume else _NO_VALUE,
        average=sum((day.average for day in days), Decimal(0)) / len(days) if has_volume else _NO_VALUE,
        count=sum((day.count for day in days), Decimal(0)) if has_volume else _NO_VALUE,
    )

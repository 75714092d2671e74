"""Which trading day, week and month a moment belongs to, and when they begin and end. Pure.

One rollover on the wall clock of one zone ends the trading day; Saturdays, Sundays and holidays have no day of their
own and belong to the next one. Weeks and months are made of whole trading days. Every moment belongs to exactly one
day, week and month, whatever the clocks on the wall do, and for any integer. No clock may be read here.
"""

from __future__ import annotations

import calendar
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import lru_cache

import msgspec

from engine.core.hours import zone as zone_of

DAY_NS = 86_400 * 1_000_000_000
_EPOCH = date(1970, 1, 1).toordinal()
_CYCLE_YEARS, _CYCLE_DAYS = 8_000, 20 * 146_097  # the calendar repeats every 400 years, weekdays and all
_FIRST = date(1800, 1, 1).toordinal()  # a day outside [_FIRST, _FIRST + _CYCLE_DAYS) is looked up inside
_BEFORE = 3  # an offset and a rollover together move the end of a day by less than this many days
_NOON, _WEEK = 12, 7


class Period(Enum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Span(msgspec.Struct, frozen=True):
    """One period: from `start_ns` until before `end_ns` (Unix time). `id`: 2026-03-11, 2026-W11 or 2026-03."""

    id: str
    start_ns: int
    end_ns: int


class PeriodClock(msgspec.Struct, frozen=True, kw_only=True):
    """When periods end. A rollover before noon ends the day before: 00:00 and 05:00 are the end of an evening."""

    rollover: time = time(17)
    zone: str = "America/Chicago"
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if self.rollover.tzinfo is not None:
            raise ValueError(f"the rollover is a time on the wall of {self.zone}; give it without a zone")
        if zone_of(self.zone) is None:
            raise ValueError(f"time zone {self.zone!r} is not known here; take an IANA name such as America/Chicago")

    def span(self, period: Period, at_ns: int) -> Span:
        """The period that this moment belongs to."""
        day = _EPOCH + at_ns // DAY_NS - _BEFORE
        while (end_ns := _end_of(self, day)) is None or end_ns <= at_ns:
            day += 1
        return _span(self, period, day)

    def next_trading_day_start(self, at_ns: int) -> int:
        """The end of the trading day that this moment belongs to: always later than the moment."""
        return self.span(Period.DAY, at_ns).end_ns

    def _is_trading(self, day: int) -> bool:
        return _dated(day)[0].weekday() < calendar.SATURDAY and day not in _numbers(self.holidays)

    def _last_end_ns(self, day: int) -> int:
        """The end of the last trading day up to and including this date."""
        while (end_ns := _end_of(self, day)) is None:
            day -= 1
        return end_ns

    def _end_ns(self, day: int) -> int:
        """When the trading day of this date ends. Of a time that the wall clock shows twice the first is meant; one
        that it leaves out is counted on from before the gap."""
        closing = day + 1 if self.rollover.hour < _NOON else day
        wall = datetime.combine(_dated(closing)[0], self.rollover, tzinfo=zone_of(self.zone))
        behind = timedelta(hours=wall.hour, minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
        offset = wall.utcoffset()
        assert offset is not None  # every zone of the database has one for every moment
        microseconds = (behind - offset) // timedelta(microseconds=1)
        return (closing - _EPOCH) * DAY_NS + microseconds * 1_000


@lru_cache(maxsize=64)
def _end_of(clock: PeriodClock, day: int) -> int | None:
    """When the trading day of this date ends; None: it is none. Whoever watches asks for the same few all day."""
    return clock._end_ns(day) if clock._is_trading(day) else None


@lru_cache(maxsize=64)
def _span(clock: PeriodClock, period: Period, day: int) -> Span:
    """The period of the trading day with this number (date.toordinal)."""
    dated, years = _dated(day)
    if period is Period.DAY:
        name, first, last = f"{dated.year + years:04d}-{dated:%m-%d}", day, day
    elif period is Period.WEEK:
        week = dated.isocalendar()
        name = f"{week.year + years:04d}-W{week.week:02d}"
        first = day - dated.weekday()
        last = first + _WEEK - 1
    else:
        name = f"{dated.year + years:04d}-{dated:%m}"
        first = day - dated.day + 1
        last = first + calendar.monthrange(dated.year, dated.month)[1] - 1
    return Span(name, clock._last_end_ns(first - 1), clock._last_end_ns(last))


def _dated(day: int) -> tuple[date, int]:
    """The date of a day's number, and how many years that date has to be moved to be the right one."""
    cycles = (day - _FIRST) // _CYCLE_DAYS
    return date.fromordinal(day - cycles * _CYCLE_DAYS), cycles * _CYCLE_YEARS


@lru_cache(maxsize=16)
def _numbers(days: frozenset[date]) -> frozenset[int]:
    return frozenset(day.toordinal() for day in days)

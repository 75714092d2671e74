"""The days on which US markets stay closed or close early, by rule, for any year.

Approximation: futures and FX keep the exchange's full holidays closed too, where the real ones trade a short day.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

MONDAY, THURSDAY = 0, 3


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    """The nth (1-based) given weekday of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def last_weekday(year: int, month: int, weekday: int) -> date:
    after = date(year + month // 12, month % 12 + 1, 1)
    back = (after.weekday() - weekday - 1) % 7 + 1
    return after - timedelta(days=back)


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Butcher's computation)."""
    century, of_century = divmod(year, 100)
    golden = year % 19
    lunar = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (of_century // 4) - lunar - of_century % 4) % 7
    late = (golden + 11 * lunar + 22 * weekday) // 451
    month, day = divmod(lunar + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _observed(day: date) -> date:
    """A holiday on Saturday is kept on Friday, on Sunday on Monday."""
    return day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))


@lru_cache(maxsize=64)
def full_holidays(year: int) -> frozenset[date]:
    """The days on which US stock markets are closed."""
    days = {
        nth_weekday(year, 1, MONDAY, 3),  # Martin Luther King Day
        nth_weekday(year, 2, MONDAY, 3),  # Presidents' Day
        easter(year) - timedelta(days=2),  # Good Friday
        last_weekday(year, 5, MONDAY),  # Memorial Day
        _observed(date(year, 7, 4)),
        nth_weekday(year, 9, MONDAY, 1),  # Labor Day
        nth_weekday(year, 11, THURSDAY, 4),  # Thanksgiving
        _observed(date(year, 12, 25)),
    }
    if year >= 2022:
        days.add(_observed(date(year, 6, 19)))
    new_year = date(year, 1, 1)
    if new_year.weekday() != 5:  # a New Year's Day on Saturday is not moved into the old year
        days.add(_observed(new_year))
    return frozenset(days)


@lru_cache(maxsize=64)
def early_closes(year: int) -> frozenset[date]:
    """The days on which US stock and option markets close at 13:00 Eastern."""
    days = {nth_weekday(year, 11, THURSDAY, 4) + timedelta(days=1)}
    days |= {day for day in (date(year, 12, 24), date(year, 7, 3)) if day.weekday() < 5}
    return frozenset(days - full_holidays(year))


def is_holiday(day: date) -> bool:
    return day in full_holidays(day.year)


def is_early_close(day: date) -> bool:
    return day in early_closes(day.year)


def is_business_day(day: date) -> bool:
    return day.weekday() < 5 and not is_holiday(day)

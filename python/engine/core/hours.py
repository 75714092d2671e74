"""Is a contract's market open? Reads IBKR's `tradingHours` and `liquidHours`. Pure: the time is an argument.

Two spellings exist: `20260911:0930-20260911:1600;20260914:CLOSED` and the older `20090507:0700-1830,1830-2330`.
Hours may cross midnight. What cannot be parsed, and any day the text does not speak of, is *unknown*, never open
and never closed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from engine.core.facts import Details

ZONE_NAMES = {
    **dict.fromkeys(("EST", "EST5EDT", "EDT", "ET", "US/EASTERN"), "America/New_York"),
    **dict.fromkeys(("CST", "CST6CDT", "CDT", "CT", "US/CENTRAL"), "America/Chicago"),
    **dict.fromkeys(("PST", "PST8PDT", "PDT", "PT", "US/PACIFIC"), "America/Los_Angeles"),
    **dict.fromkeys(("GMT", "BST", "GB", "GB-EIRE"), "Europe/London"),
    **dict.fromkeys(("MET", "CET", "MEZ"), "Europe/Berlin"),
    **dict.fromkeys(("JST", "JAPAN"), "Asia/Tokyo"),
    **dict.fromkeys(("HKT", "HONGKONG"), "Asia/Hong_Kong"),
    **dict.fromkeys(("AET", "AUSTRALIA/NSW"), "Australia/Sydney"),
    "ASIA/CALCUTTA": "Asia/Kolkata",
    "SINGAPORE": "Asia/Singapore",
    "PRC": "Asia/Shanghai",
    "ROK": "Asia/Seoul",
    "UTC": "UTC",
}
"""IBKR's zone ids that are not IANA names, that IANA reads as a fixed offset while the exchange has summer time, or
that a system without the legacy time zone files does not know."""

_SPAN = re.compile(r"(\d{8}):(\d{4})-(?:(\d{8}):)?(\d{4})", re.ASCII)
_CLOSED = re.compile(r"(\d{8}):CLOSED", re.ASCII)
NEVER_S = 1 << 32
_DAY_MAX = 60  # days of hours read; IBKR sends about a week


class Session(Enum):
    """Where a contract stands in its trading day."""

    LIQUID = "liquid"  # regular hours
    EXTENDED = "extended"  # tradable, outside regular hours
    CLOSED = "closed"
    UNKNOWN = "unknown"


class Market(Enum):
    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo | None:
    """The time zone IBKR means by `name`, or None when nobody can say."""
    plain = name.split("(")[0].strip()
    try:
        return ZoneInfo(ZONE_NAMES.get(plain.upper(), plain))
    except (KeyError, ValueError, OSError):  # not in the database, malformed, or the database is unreadable
        return None


class _Calendar(msgspec.Struct, frozen=True):
    """Parsed hours: open spans in seconds since the Unix epoch, and the local days the text speaks of."""

    spans: tuple[tuple[float, float], ...]
    days: frozenset[str]


def market_at(hours: str, zone_name: str, at_s: float) -> Market:
    """Open, closed or unknown at `at_s` (seconds since the Unix epoch)."""
    tz = zone(zone_name)
    if tz is None:
        return Market.UNKNOWN
    calendar = _calendar(hours, tz)
    if calendar is None:
        return Market.UNKNOWN
    if any(start <= at_s < end for start, end in calendar.spans):
        return Market.OPEN
    day = datetime.fromtimestamp(at_s, tz).strftime("%Y%m%d")
    return Market.CLOSED if day in calendar.days else Market.UNKNOWN


def steady_until(hours: str, zone_name: str, at_s: int) -> int:
    """The first whole second after `at_s` at which `market_at` may answer something else."""
    tz = zone(zone_name)
    if tz is None:
        return NEVER_S
    calendar = _calendar(hours, tz)
    if calendar is None or not calendar.days:
        return NEVER_S
    next_day = datetime.fromtimestamp(at_s, tz).replace(hour=0, minute=0, second=0) + timedelta(days=1)
    edges = [edge for span in calendar.spans for edge in span if edge > at_s]
    return int(min([next_day.timestamp(), *edges]))


@lru_cache(maxsize=512)
def _calendar(hours: str, tz: tzinfo) -> _Calendar | None:
    """The whole text, or None if any part of it is not understood. Contracts of a class share one text."""
    spans: list[tuple[float, float]] = []
    days: set[str] = set()
    for entry in filter(None, hours.split(";")[:_DAY_MAX]):
        closed = _CLOSED.fullmatch(entry)
        if closed is not None:
            days.add(closed[1])
            continue
        found = _spans(entry, tz)
        if found is None:
            return None
        for opens, closes in found:
            spans.append((opens.timestamp(), closes.timestamp()))
            last = closes - timedelta(seconds=1)  # midnight belongs to the day before
            days.update(moment.astimezone(tz).strftime("%Y%m%d") for moment in (opens, last))
    return _Calendar(tuple(spans), frozenset(days))


def _spans(entry: str, tz: tzinfo) -> list[tuple[datetime, datetime]] | None:
    """The open spans of one day's entry, or None if it is not understood."""
    day = entry.partition(":")[0]
    spans = []
    for part in entry.split(","):
        match = _SPAN.fullmatch(part if ":" in part else f"{day}:{part}")
        if match is None:
            return None
        start_day, start, end_day, end = match.groups()
        try:
            opens = _moment(start_day, start, tz)
            closes = _moment(end_day or start_day, end, tz)
            if closes <= opens and end_day is None:
                closes = _moment(start_day, end, tz, days_later=1)  # the older spelling does not say: over midnight
        except (ValueError, OverflowError):  # no such day or time, or beyond the calendar
            return None
        if closes <= opens:
            return None
        spans.append((opens, closes))
    return spans


def _moment(day: str, clock: str, tz: tzinfo, days_later: int = 0) -> datetime:
    """The clock on the wall of the exchange; a day is not always 24 hours long."""
    if clock == "2400":
        clock, days_later = "0000", days_later + 1
    midnight = datetime(int(day[:4]), int(day[4:6]), int(day[6:]), tzinfo=tz) + timedelta(days=days_later)
    return midnight.replace(hour=int(clock[:2]), minute=int(clock[2:])).astimezone(UTC)


def session_at(details: Details, at_s: float) -> Session:
    """Which session a contract is in at `at_s`, by the broker's own hours."""
    liquid = market_at(details.liquid_hours, details.time_zone_id, at_s)
    if liquid is Market.OPEN:
        return Session.LIQUID
    trading = market_at(details.trading_hours, details.time_zone_id, at_s)
    if trading is Market.OPEN:
        # hours that name a session but not whether it is the regular one decide nothing
        return Session.EXTENDED if liquid is Market.CLOSED else Session.UNKNOWN
    if trading is Market.CLOSED and liquid is Market.CLOSED:
        return Session.CLOSED
    return Session.UNKNOWN

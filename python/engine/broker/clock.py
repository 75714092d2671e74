"""Times as TWS writes them, read only where the time zone leaves no doubt. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)([ -]+)(\d\d):(\d\d):(\d\d)(?: +(\S+))?", re.ASCII)
_UTC_NAMES = frozenset({"UTC", "GMT", "Z"})
_ABBREVIATIONS = {
    **dict.fromkeys(("EST", "EDT", "EST5EDT"), ("America/New_York",)),
    **dict.fromkeys(("CST",), ("America/Chicago", "Asia/Shanghai")),
    **dict.fromkeys(("CDT", "CST6CDT"), ("America/Chicago",)),
    **dict.fromkeys(("PST", "PDT", "PST8PDT"), ("America/Los_Angeles",)),
    **dict.fromkeys(("CET", "CEST", "MET", "MEST"), ("Europe/Berlin",)),
    **dict.fromkeys(("AEST", "AEDT"), ("Australia/Sydney",)),
    "BST": ("Europe/London",),
    "HKT": ("Asia/Hong_Kong",),
    "JST": ("Asia/Tokyo",),
    "SGT": ("Asia/Singapore",),
}


def unix_seconds(text: str) -> float | None:
    """Seconds since 1970 of "20260311 10:30:00 US/Eastern"; None when the text or its zone cannot be trusted.

    A time without a zone is in the zone TWS was told to use, which the API does not say; abbreviations such as EST
    are used for summer time too.
    """
    match = _STAMP.fullmatch(text.strip())
    if match is None or not match[8]:
        return None
    moments = _moments(match, _zone(match[8]))
    return moments.pop() if len(moments) == 1 else None  # two: the hour that autumn repeats


def possible_seconds(text: str) -> frozenset[float]:
    """All that the text may mean, for a reader who asks only whether none of it is too early. Empty: not understood.

    A dash and no zone is TWS's format for UTC. An abbreviation is used for summer and standard time alike.
    """
    match = _STAMP.fullmatch(text.strip())
    if match is None:
        return frozenset()
    name = match[8]
    if not name:
        return frozenset(_moments(match, UTC if match[4] == "-" else None))
    if name not in _ABBREVIATIONS:
        return frozenset(_moments(match, _zone(name)))
    regions = [_moments(match, _zone(region), standard_too=True) for region in _ABBREVIATIONS[name]]
    return frozenset().union(*regions) if all(regions) else frozenset()


def _moments(match: re.Match[str], zone: tzinfo | None, *, standard_too: bool = False) -> set[float]:
    """What the clock reading means in the zone, and also were it standard time in spite of the summer."""
    if zone is None:
        return set()
    try:
        year, month, day, hour, minute, second = (int(match[group]) for group in (1, 2, 3, 5, 6, 7))
        first = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        both = (first, first.replace(fold=1))
        moments = {moment.timestamp() for moment in both}
    except (ValueError, OverflowError):
        return set()
    if standard_too:
        moments |= {moment.timestamp() + (moment.dst() or timedelta()).total_seconds() for moment in both}
    return moments


def _zone(name: str) -> tzinfo | None:
    if name in _UTC_NAMES:
        return UTC
    if "/" not in name:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown here, or no time zone data on this machine
        return None

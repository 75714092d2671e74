"""Times as TWS writes them, read only where the time zone leaves no doubt. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)[ -]+(\d\d):(\d\d):(\d\d)(?: +(\S+))?")
_UTC_NAMES = frozenset({"UTC", "GMT", "Z"})


def unix_seconds(text: str) -> float | None:
    """Seconds since 1970 of "20260311 10:30:00 US/Eastern"; None when the text or its zone cannot be trusted.

    A time without a zone is in the zone TWS was told to use, which the API does not say; abbreviations such as EST
    are used for summer time too.
    """
    match = _STAMP.fullmatch(text.strip())
    zone = _zone(match[7]) if match is not None and match[7] else None
    if match is None or zone is None:
        return None
    try:
        year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None
    seconds = moment.timestamp()
    return seconds if seconds == moment.replace(fold=1).timestamp() else None  # the hour that autumn repeats


def _zone(name: str) -> tzinfo | None:
    if name in _UTC_NAMES:
        return UTC
    if "/" not in name:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown here, or no time zone data on this machine
        return None

"""When a product trades: its sessions in its own time zone, and IBKR's text for them.

Two windows a day: the trading session (everything), and the liquid hours inside it (what `outsideRth` is measured
against). A session belongs to its trade date, the day on which it ends; futures open the evening before.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from engine.simulator.exchange.holidays import is_business_day, is_early_close

NS_PER_S = 1_000_000_000
_LOOK_AHEAD_DAYS_MAX = 14  # no market is closed longer than this


def to_ns(moment: datetime) -> int:
    """Nanoseconds since the epoch of an aware datetime on a whole second."""
    return int(moment.timestamp()) * NS_PER_S


def last_daily(at_ns: int, at: time, zone: str) -> int:
    """The last instant, at_ns included, at which the clocks of a zone showed this time."""
    local = datetime.fromtimestamp(at_ns // NS_PER_S, ZoneInfo(zone))
    today = to_ns(datetime.combine(local.date(), at, ZoneInfo(zone)))
    return today if today <= at_ns else to_ns(datetime.combine(local.date() - timedelta(days=1), at, ZoneInfo(zone)))


def next_daily(at_ns: int, at: time, zone: str) -> int:
    """The first instant after at_ns at which the clocks of a zone will show this time."""
    local = datetime.fromtimestamp(at_ns // NS_PER_S, ZoneInfo(zone))
    today = to_ns(datetime.combine(local.date(), at, ZoneInfo(zone)))
    return today if today > at_ns else to_ns(datetime.combine(local.date() + timedelta(days=1), at, ZoneInfo(zone)))


class Window(msgspec.Struct, frozen=True):
    """A half-open span of time [start, end)."""

    start_ns: int
    end_ns: int


class Calendar(msgspec.Struct, frozen=True):
    """The hours of a product. A window that opens at or after its closing time begins on the evening before."""

    name: str
    zone: str  # IANA name, for computing
    zone_id: str  # what IBKR writes in timeZoneId
    opens: time
    closes: time
    liquid_opens: time
    liquid_closes: time
    early_closes: time | None = None  # on the days before holidays; None: not observed

    def trading(self, trade_date: date) -> Window | None:
        """The whole session of a trade date, or None when there is none."""
        return _window(self, trade_date, liquid=False)

    def liquid(self, trade_date: date) -> Window | None:
        """The regular hours of a trade date, or None."""
        return _window(self, trade_date, liquid=True)

    def local_date(self, at_ns: int) -> date:
        return datetime.fromtimestamp(at_ns // NS_PER_S, ZoneInfo(self.zone)).date()

    def current_or_next(self, at_ns: int, *, liquid: bool) -> Window:
        """The window that holds this instant, or else the first one after it."""
        day = self.local_date(at_ns)
        for offset in range(_LOOK_AHEAD_DAYS_MAX):
            window = _window(self, day + timedelta(days=offset), liquid)
            if window is not None and at_ns < window.end_ns:
                return window
        raise ValueError(f"calendar {self.name} has no session within {_LOOK_AHEAD_DAYS_MAX} days of {day}")

    def current_or_last(self, at_ns: int, *, liquid: bool) -> Window:
        """The window that holds this instant, or else the last one before it."""
        day = self.local_date(at_ns) + timedelta(days=1)
        for offset in range(_LOOK_AHEAD_DAYS_MAX):
            window = _window(self, day - timedelta(days=offset), liquid)
            if window is not None and window.start_ns <= at_ns:
                return window
        raise ValueError(f"calendar {self.name} had no session within {_LOOK_AHEAD_DAYS_MAX} days before {day}")

    def is_open(self, at_ns: int, *, liquid: bool = False) -> bool:
        window = self.current_or_next(at_ns, liquid=liquid)
        return window.start_ns <= at_ns

    def hours_text(self, at_ns: int, *, liquid: bool, days: int = 6) -> str:
        """IBKR's text: `20260911:0930-20260911:1600;20260912:CLOSED`, one item a day from today."""
        zone = ZoneInfo(self.zone)
        first = self.local_date(at_ns)
        items = []
        for offset in range(days):
            day = first + timedelta(days=offset)
            window = _window(self, day, liquid)
            if window is not None:
                start = datetime.fromtimestamp(window.start_ns // NS_PER_S, zone)
                end = datetime.fromtimestamp(window.end_ns // NS_PER_S, zone)
                items.append(f"{start:%Y%m%d:%H%M}-{end:%Y%m%d:%H%M}")
            elif not self._opens_on(day, liquid):  # a Sunday evening's opening stands for its Sunday
                items.append(f"{day:%Y%m%d}:CLOSED")
        return ";".join(items)

    def _opens_on(self, day: date, liquid: bool) -> bool:
        following = _window(self, day + timedelta(days=1), liquid)
        return following is not None and self.local_date(following.start_ns) == day

    def local_text(self, at_ns: int) -> str:
        """A time as order messages write it: `2026-09-11 09:30:00 US/Eastern`."""
        moment = datetime.fromtimestamp(at_ns // NS_PER_S, ZoneInfo(self.zone))
        return f"{moment:%Y-%m-%d %H:%M:%S} {self.zone_id}"


@lru_cache(maxsize=4096)
def _window(calendar: Calendar, trade_date: date, liquid: bool) -> Window | None:
    if not is_business_day(trade_date):
        return None
    opens, closes = calendar.opens, calendar.closes
    if liquid:
        opens, closes = calendar.liquid_opens, calendar.liquid_closes
    if calendar.early_closes is not None and is_early_close(trade_date):
        closes = min(closes, calendar.early_closes)
    zone = ZoneInfo(calendar.zone)
    first_day = trade_date - timedelta(days=1) if opens >= closes else trade_date
    start = datetime.combine(first_day, opens, zone).astimezone(UTC)
    end = datetime.combine(trade_date, closes, zone).astimezone(UTC)
    return Window(to_ns(start), to_ns(end))


_EASTERN, _CENTRAL = "America/New_York", "America/Chicago"

US_STOCKS = Calendar(
    "US stocks", _EASTERN, "US/Eastern", time(4), time(20), time(9, 30), time(16), early_closes=time(13)
)
US_OPTIONS = Calendar(
    "US options", _EASTERN, "US/Eastern", time(9, 30), time(16), time(9, 30), time(16), early_closes=time(13)
)
INDEX_OPTIONS = Calendar(
    "Cboe index options",
    _CENTRAL,
    "US/Central",
    time(8, 30),
    time(15, 15),
    time(8, 30),
    time(15, 15),
    early_closes=time(12, 15),
)
CME = Calendar("CME Globex", _CENTRAL, "US/Central", time(17), time(16), time(8, 30), time(15))
NYMEX = Calendar("NYMEX and COMEX", _EASTERN, "US/Eastern", time(18), time(17), time(9, 30), time(17))
FOREX = Calendar("IDEALPRO", _EASTERN, "US/Eastern", time(17, 15), time(17), time(17, 15), time(17))

"""The trading schedule, TWS's answer to a request for historical data of the kind SCHEDULE. Pure."""

from __future__ import annotations

from engine.simulator.exchange.bars import DAY_S, Span
from engine.simulator.exchange.calendars import NS_PER_S, Calendar, Window
from engine.simulator.server.raw import reply
from engine.wire.replies import Reply

SHOW = "SCHEDULE"
SESSIONS_MAX = 800
_HISTORICAL_SCHEDULE = 106
_DAYS = {"W": 7, "M": 30, "Y": 365}


def answer(req_id: int, calendar: Calendar, end_ns: int, span: Span, *, regular_hours: bool) -> Reply:
    """The sessions of a span that ends at an instant, the one that holds it included, oldest first."""
    wanted, from_ns = SESSIONS_MAX, 0
    if span.unit in _DAYS:
        from_ns = end_ns - _DAYS[span.unit] * span.amount * DAY_S * NS_PER_S
    else:
        wanted = min(span.amount if span.unit == "D" else 1, SESSIONS_MAX)
    found: list[Window] = []
    at_ns = end_ns
    while len(found) < wanted:
        window = calendar.current_or_last(at_ns, liquid=regular_hours)
        if window.end_ns <= from_ns:
            break
        found.append(window)
        at_ns = window.start_ns - 1
    found.reverse()
    rows = [
        text
        for window in found
        for text in (_text(calendar, window.start_ns), _text(calendar, window.end_ns), _trade_date(calendar, window))
    ]
    ends = (rows[0], rows[-2]) if rows else ("", "")
    return reply(_HISTORICAL_SCHEDULE, req_id, *ends, calendar.zone_id, len(found), *rows)


def _trade_date(calendar: Calendar, window: Window) -> str:
    return f"{calendar.local_date(window.end_ns - 1):%Y%m%d}"  # an evening opening belongs to the next day


def _text(calendar: Calendar, at_ns: int) -> str:
    """20260311-09:30:00, in the calendar's own zone."""
    day, clock = calendar.local_text(at_ns).split(" ")[:2]
    return f"{day.replace('-', '')}-{clock}"

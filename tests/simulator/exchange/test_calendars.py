"""Sessions and holidays against days looked up in the exchanges' own calendars."""

from __future__ import annotations

from datetime import date, time

import pytest

from engine.simulator.exchange import calendars
from engine.simulator.exchange.holidays import easter, is_business_day, is_early_close, is_holiday
from simulator.exchange.stage import OPEN, SATURDAY, SECOND, at


@pytest.mark.parametrize(
    "day",
    [
        *("2026-01-01", "2026-01-19", "2026-02-16", "2026-04-03", "2026-05-25", "2026-06-19", "2026-07-03"),
        *("2026-09-07", "2026-11-26", "2026-12-25"),
        *("2025-04-18", "2024-03-29", "2023-01-02", "2022-06-20"),
    ],
)
def test_the_stock_exchanges_holidays_are_kept(day: str) -> None:
    assert is_holiday(date.fromisoformat(day))


@pytest.mark.parametrize("day", ["2021-12-31", "2026-07-06", "2026-10-12", "2026-11-11", "2021-06-18"])
def test_other_days_are_business_days(day: str) -> None:
    assert is_business_day(date.fromisoformat(day))


@pytest.mark.parametrize("day", ["2026-11-27", "2026-12-24", "2025-07-03", "2024-12-24"])
def test_days_that_end_early(day: str) -> None:
    assert is_early_close(date.fromisoformat(day))


def test_easter_falls_where_it_falls() -> None:
    assert [easter(year) for year in (2024, 2025, 2026, 2027)] == [
        date(2024, 3, 31),
        date(2025, 4, 20),
        date(2026, 4, 5),
        date(2027, 3, 28),
    ]


def test_a_futures_session_begins_on_the_evening_before() -> None:
    window = calendars.CME.trading(date(2026, 9, 14))
    assert window is not None
    assert (window.start_ns, window.end_ns) == (at("2026-09-13 22:00"), at("2026-09-14 21:00"))


def test_sessions_follow_daylight_saving() -> None:
    before, after = (calendars.US_STOCKS.liquid(day) for day in (date(2026, 10, 30), date(2026, 11, 2)))
    assert before is not None and after is not None
    assert (before.start_ns, after.start_ns) == (at("2026-10-30 13:30"), at("2026-11-02 14:30"))


def test_a_session_is_half_open() -> None:
    close = at("2026-09-09 20:00")
    assert calendars.US_OPTIONS.is_open(close - 1)
    assert not calendars.US_OPTIONS.is_open(close)
    assert calendars.US_OPTIONS.is_open(at("2026-09-09 13:30"))


@pytest.mark.parametrize(
    ("calendar", "is_open"),
    [(calendars.CME, True), (calendars.FOREX, True), (calendars.US_STOCKS, True), (calendars.US_OPTIONS, False)],
)
def test_who_is_open_at_five_in_the_afternoon_in_new_york(calendar: calendars.Calendar, is_open: bool) -> None:
    assert calendar.is_open(at("2026-09-09 20:30")) is is_open


def test_nothing_is_open_on_saturday() -> None:
    for calendar in (calendars.CME, calendars.NYMEX, calendars.FOREX, calendars.US_STOCKS, calendars.INDEX_OPTIONS):
        assert not calendar.is_open(SATURDAY)
        assert calendar.current_or_last(SATURDAY, liquid=False).end_ns <= SATURDAY
        assert calendar.current_or_next(SATURDAY, liquid=False).start_ns > SATURDAY


def test_hours_are_written_as_ibkr_writes_them() -> None:
    assert calendars.CME.hours_text(at("2026-09-11 15:00"), liquid=False, days=4) == (
        "20260910:1700-20260911:1600;20260912:CLOSED;20260913:1700-20260914:1600"
    )
    assert calendars.CME.hours_text(at("2026-09-11 15:00"), liquid=True, days=3) == (
        "20260911:0830-20260911:1500;20260912:CLOSED;20260913:CLOSED"
    )


def test_the_day_begins_at_its_hour_in_its_zone() -> None:
    args = (time(17), "America/Chicago")
    assert calendars.last_daily(OPEN, *args) == at("2026-09-08 22:00")
    assert calendars.next_daily(OPEN, *args) == at("2026-09-09 22:00")
    assert calendars.last_daily(at("2026-09-09 22:00"), *args) == at("2026-09-09 22:00")
    assert calendars.next_daily(at("2026-09-09 22:00") - SECOND, *args) == at("2026-09-09 22:00")

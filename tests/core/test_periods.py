"""Trading days, weeks and months: a partition of time, whatever the clocks on the wall do."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.periods import DAY_NS, Period, PeriodClock

CHICAGO = PeriodClock()
HOUR_NS = 3600 * 10**9
CLOCKS = st.builds(
    PeriodClock,
    rollover=st.times(),
    zone=st.sampled_from(
        [
            "America/Chicago",
            "America/New_York",
            "Europe/London",
            "Asia/Tokyo",
            "Australia/Lord_Howe",
            "Pacific/Apia",
            "Pacific/Kwajalein",
            "America/St_Johns",
            "Africa/Monrovia",
            "UTC",
        ]
    ),
    holidays=st.frozensets(st.dates(date(2025, 12, 20), date(2026, 2, 10)), max_size=40),
)
MOMENTS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(10**30), 10**30),
    st.integers(1_766_000_000, 1_772_000_000).map(lambda s: s * 10**9),
    st.integers(1_325_000_000, 1_326_000_000).map(lambda s: s * 10**9),  # Samoa leaves out a day
)
PERIODS = st.sampled_from(Period)


def ns(text: str, zone: str = "America/Chicago", fold: int = 0) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


def days(clock: PeriodClock, *moments: str) -> list[str]:
    return [clock.span(Period.DAY, ns(moment)).id for moment in moments]


# what a person expects ------------------------------------------------------------------------------------------------


def test_a_day_ends_at_the_rollover_and_not_a_nanosecond_earlier() -> None:
    end = ns("2026-03-11 17:00")
    assert CHICAGO.span(Period.DAY, end - 1).id == "2026-03-11"
    assert CHICAGO.span(Period.DAY, end).id == "2026-03-12"
    assert CHICAGO.span(Period.DAY, end - 1).end_ns == end
    assert CHICAGO.next_trading_day_start(end - 1) == end
    assert CHICAGO.next_trading_day_start(end) == ns("2026-03-12 17:00")


def test_friday_evening_to_monday_evening_is_monday() -> None:
    moments = ("2026-03-13 16:59:59", "2026-03-13 17:00", "2026-03-14 12:00", "2026-03-15 18:00", "2026-03-16 16:59:59")
    assert days(CHICAGO, *moments) == ["2026-03-13", *["2026-03-16"] * 4]
    monday = CHICAGO.span(Period.DAY, ns("2026-03-15 18:00"))
    assert (monday.start_ns, monday.end_ns) == (ns("2026-03-13 17:00"), ns("2026-03-16 17:00"))


def test_a_holiday_belongs_to_the_next_trading_day() -> None:
    clock = PeriodClock(holidays=frozenset({date(2026, 12, 25), date(2026, 12, 28)}))
    assert days(clock, "2026-12-24 16:00", "2026-12-24 18:00", "2026-12-28 20:00") == [
        "2026-12-24",
        *["2026-12-29"] * 2,
    ]
    assert clock.next_trading_day_start(ns("2026-12-24 18:00")) == ns("2026-12-29 17:00")


def test_a_week_ends_with_its_last_trading_day() -> None:
    week = CHICAGO.span(Period.WEEK, ns("2026-03-11 12:00"))
    assert week.id == "2026-W11"
    assert (week.start_ns, week.end_ns) == (ns("2026-03-06 17:00"), ns("2026-03-13 17:00"))
    good_friday = PeriodClock(holidays=frozenset({date(2026, 4, 3)}))
    assert good_friday.span(Period.WEEK, ns("2026-04-01 12:00")).end_ns == ns("2026-04-02 17:00")
    assert good_friday.span(Period.WEEK, ns("2026-04-02 17:00")).id == "2026-W15"


def test_a_month_is_made_of_whole_trading_days() -> None:
    january = CHICAGO.span(Period.MONTH, ns("2026-01-15 12:00"))
    assert january.id == "2026-01"
    assert (january.start_ns, january.end_ns) == (ns("2025-12-31 17:00"), ns("2026-01-30 17:00"))
    assert CHICAGO.span(Period.MONTH, ns("2026-01-31 12:00")).id == "2026-02"  # a Saturday: Monday's


def test_the_week_that_a_year_ends_in_has_one_name() -> None:
    assert CHICAGO.span(Period.WEEK, ns("2026-12-31 12:00")).id == "2026-W53"
    assert CHICAGO.span(Period.WEEK, ns("2027-01-01 12:00")).id == "2026-W53"
    assert CHICAGO.span(Period.WEEK, ns("2027-01-01 17:00")).id == "2027-W01"
    assert CHICAGO.span(Period.WEEK, ns("2024-12-30 12:00")).id == "2025-W01"


def test_the_clock_on_the_wall_decides_on_both_sides_of_daylight_saving() -> None:
    before, after = CHICAGO.span(Period.DAY, ns("2026-03-06 12:00")), CHICAGO.span(Period.DAY, ns("2026-03-09 12:00"))
    assert before.end_ns == ns("2026-03-06 23:00", "UTC")
    assert after.end_ns == ns("2026-03-09 22:00", "UTC")
    assert after.end_ns - after.start_ns == 3 * DAY_NS - HOUR_NS
    autumn = CHICAGO.span(Period.DAY, ns("2026-11-02 12:00"))
    assert autumn.end_ns - autumn.start_ns == 3 * DAY_NS + HOUR_NS


def test_a_rollover_that_the_wall_clock_leaves_out_is_counted_on_from_before_the_gap() -> None:
    clock = PeriodClock(rollover=time(0, 30), zone="Africa/Cairo")  # Friday 2026-04-24, 00:00 becomes 01:00
    ends = clock.span(Period.DAY, ns("2026-04-23 12:00", "Africa/Cairo")).end_ns
    assert ends == ns("2026-04-23 22:30", "UTC")
    assert datetime.fromtimestamp(ends / 10**9, ZoneInfo("Africa/Cairo")).time() == time(1, 30)


def test_of_a_rollover_that_the_wall_clock_shows_twice_the_first_counts() -> None:
    clock = PeriodClock(rollover=time(23, 30), zone="Africa/Cairo")  # Thursday 2026-10-29, 24:00 becomes 23:00
    first, second = (ns("2026-10-29 23:30", "Africa/Cairo", fold) for fold in (0, 1))
    assert second - first == HOUR_NS
    assert clock.span(Period.DAY, first - 1).id == "2026-10-29"
    assert clock.span(Period.DAY, first).id == clock.span(Period.DAY, second).id == "2026-10-30"


def test_a_rollover_before_noon_ends_the_day_before() -> None:
    midnight = PeriodClock(rollover=time(0))
    assert days(midnight, "2026-03-11 00:00", "2026-03-11 23:59") == ["2026-03-11"] * 2
    morning = PeriodClock(rollover=time(11, 59))
    assert days(morning, "2026-03-14 11:58", "2026-03-14 11:59") == ["2026-03-13", "2026-03-16"]
    noon = PeriodClock(rollover=time(12))
    assert days(noon, "2026-03-13 11:59", "2026-03-13 12:00") == ["2026-03-13", "2026-03-16"]


def test_seconds_and_microseconds_of_a_rollover_count() -> None:
    clock = PeriodClock(rollover=time(16, 59, 58, 123_456))
    assert clock.span(Period.DAY, ns("2026-03-11 12:00")).end_ns == ns("2026-03-11 16:59:58.123456")


def test_far_from_our_time_the_calendar_goes_on() -> None:
    assert CHICAGO.span(Period.DAY, 0).id == "1970-01-01"
    assert CHICAGO.span(Period.DAY, 146_097 * 50 * DAY_NS).id == "21970-01-01"
    assert CHICAGO.span(Period.WEEK, 146_097 * 50 * DAY_NS).id == "21970-W01"
    assert CHICAGO.span(Period.MONTH, 146_097 * 50 * DAY_NS).id == "21970-01"
    assert CHICAGO.span(Period.MONTH, -146_097 * 10 * DAY_NS).id == "-2030-01"


def test_a_holiday_is_one_day_and_not_one_every_8000_years() -> None:
    clock = PeriodClock(holidays=frozenset({date(2026, 3, 11)}))
    assert days(clock, "2026-03-11 12:00") == ["2026-03-12"]
    assert clock.span(Period.DAY, ns("2026-03-11 12:00") + 20 * 146_097 * DAY_NS).id == "10026-03-11"


def test_what_is_no_clock_is_refused_with_a_word_on_what_would_be() -> None:
    with pytest.raises(ValueError, match="'Mars/Olympus' is not known here; take an IANA name"):
        PeriodClock(zone="Mars/Olympus")
    with pytest.raises(ValueError, match="on the wall of America/Chicago; give it without a zone"):
        PeriodClock(rollover=time(17, tzinfo=UTC))
    with pytest.raises(ValueError, match="without a zone"):
        PeriodClock(rollover=time(17, tzinfo=timezone(timedelta(hours=2))))


# laws -----------------------------------------------------------------------------------------------------------------


@given(CLOCKS, PERIODS, MOMENTS)
def test_every_moment_lies_in_its_own_period(clock: PeriodClock, period: Period, at: int) -> None:
    span = clock.span(period, at)
    assert span.start_ns <= at < span.end_ns


@given(CLOCKS, PERIODS, MOMENTS)
def test_a_restart_anywhere_in_a_period_finds_the_same_period(clock: PeriodClock, period: Period, at: int) -> None:
    span = clock.span(period, at)
    for moment in (span.start_ns, (span.start_ns + span.end_ns) // 2, span.end_ns - 1):
        assert clock.span(period, moment) == span


@given(CLOCKS, PERIODS, MOMENTS)
def test_periods_follow_each_other_without_gap_or_overlap(clock: PeriodClock, period: Period, at: int) -> None:
    span = clock.span(period, at)
    following, before = clock.span(period, span.end_ns), clock.span(period, span.start_ns - 1)
    assert following.start_ns == span.end_ns
    assert before.end_ns == span.start_ns
    assert len({before.id, span.id, following.id}) == 3


@given(CLOCKS, MOMENTS)
def test_weeks_and_months_are_cut_where_days_are(clock: PeriodClock, at: int) -> None:
    day = clock.span(Period.DAY, at)
    for period in (Period.WEEK, Period.MONTH):
        longer = clock.span(period, at)
        assert longer.start_ns <= day.start_ns
        assert day.end_ns <= longer.end_ns
        assert clock.span(Period.DAY, longer.start_ns).start_ns == longer.start_ns
        assert clock.span(Period.DAY, longer.end_ns).start_ns == longer.end_ns


@given(CLOCKS, PERIODS, MOMENTS, st.integers(0, 400 * DAY_NS))
def test_later_moments_never_belong_to_earlier_periods(clock: PeriodClock, period: Period, at: int, later: int) -> None:
    assert clock.span(period, at).start_ns <= clock.span(period, at + later).start_ns


@given(CLOCKS, MOMENTS)
def test_no_day_of_its_own_for_a_weekend_or_a_holiday(clock: PeriodClock, at: int) -> None:
    name = clock.span(Period.DAY, at).id
    if len(name) == 10 and name[0] != "-":
        assert date.fromisoformat(name).weekday() < 5
        assert date.fromisoformat(name) not in clock.holidays

"""Trading hours in both spellings, over midnight, over the change to summer time, and everything that is not known."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kill.builders import details, stock
from engine.core.facts import Details
from engine.core.hours import NEVER_S, ZONE_NAMES, Market, Session, market_at, session_at, steady_until, zone

NEW_YORK = "US/Eastern"
NEW = "20260911:0930-20260911:1600;20260912:CLOSED;20260914:0930-20260914:1600"
OLD = "20090507:0700-1830,1830-2330;20090508:CLOSED"
OVERNIGHT = "20260910:1700-20260911:1600;20260911:1700-20260912:1600"


def at(text: str, zone_name: str = "America/New_York") -> float:
    return datetime.strptime(text, "%Y%m%d %H%M").replace(tzinfo=ZoneInfo(zone_name)).timestamp()


def market(hours: str, text: str, zone_name: str = NEW_YORK) -> Market:
    return market_at(hours, zone_name, at(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20260911 0929", Market.CLOSED),
        ("20260911 0930", Market.OPEN),
        ("20260911 1559", Market.OPEN),
        ("20260911 1600", Market.CLOSED),  # the last moment belongs to the close
        ("20260912 1200", Market.CLOSED),
        ("20260914 1200", Market.OPEN),
    ],
)
def test_hours_in_the_newer_spelling_are_understood(text: str, expected: Market) -> None:
    assert market(NEW, text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20090507 0659", Market.CLOSED),
        ("20090507 1200", Market.OPEN),
        ("20090507 1830", Market.OPEN),  # the second span of the day
        ("20090507 2330", Market.CLOSED),
        ("20090508 1200", Market.CLOSED),
    ],
)
def test_hours_in_the_older_spelling_are_understood(text: str, expected: Market) -> None:
    assert market(OLD, text) is expected


@pytest.mark.parametrize("text", ["20260910 1800", "20260911 0300", "20260911 1559", "20260911 2300"])
def test_a_session_may_cross_midnight(text: str) -> None:
    assert market(OVERNIGHT, text) is Market.OPEN


def test_the_break_between_two_overnight_sessions_is_closed() -> None:
    assert market(OVERNIGHT, "20260911 1630") is Market.CLOSED


def test_the_older_spelling_over_midnight_names_no_second_day() -> None:
    assert market("20090507:1800-0200", "20090508 0100") is Market.OPEN
    assert market("20090507:1800-0200", "20090508 0300") is Market.CLOSED


def test_the_older_spelling_from_one_time_to_the_same_is_a_whole_day() -> None:
    assert market("20090507:1700-1700", "20090508 1659") is Market.OPEN
    assert market("20090507:1700-1700", "20090508 1700") is Market.CLOSED


def test_the_newer_spelling_of_no_time_at_all_is_not_understood() -> None:
    assert market("20260911:0930-20260911:0930", "20260911 1200") is Market.UNKNOWN


def test_the_newer_spelling_never_ends_before_it_begins() -> None:
    assert market("20260911:1600-20260911:0930", "20260911 1200") is Market.UNKNOWN


def test_2400_is_the_midnight_that_ends_the_day() -> None:
    assert market("20260911:0930-20260911:2400", "20260911 2359") is Market.OPEN
    assert market("20260911:0930-20260911:2400", "20260912 0001") is Market.UNKNOWN  # of the next day nothing is said


@pytest.mark.parametrize("text", ["20260913 1200", "20260910 1200", "20261231 1200"])
def test_a_day_that_is_not_spoken_of_is_unknown(text: str) -> None:
    assert market(NEW, text) is Market.UNKNOWN


@pytest.mark.parametrize(
    "hours",
    [
        "",
        "open",
        "20260911:0930",
        "20260911:0930-1600-1700",
        "20260911:9999-20260911:1600",
        "20261311:0930-20261311:1600",
        "20260911:0930-20260911:1600;20260914:HALF",
        "20260911:closed",
        "20260911:0930-20260911:1600 ;",
        "99991231:0930-99991231:2400",  # beyond the calendar
        "00010101:0000-00010101:1000",
        "２０２６0911:0930-20260911:1600",  # digits, but not these
        "２０２６0911:CLOSED",
    ],
)
def test_what_cannot_be_parsed_is_unknown_never_open_never_closed(hours: str) -> None:
    assert market(hours, "20260911 1200") is Market.UNKNOWN


def test_one_part_that_is_not_understood_makes_the_whole_text_unknown() -> None:
    assert market(f"{NEW};nonsense", "20260911 1200") is Market.UNKNOWN


def test_empty_entries_say_nothing() -> None:
    assert market(f";{NEW};", "20260911 1200") is Market.OPEN


@pytest.mark.parametrize("name", ["", "   ", "Mars/Olympus", "../../etc/passwd", "a\0b", "x" * 5000])
def test_an_unknown_zone_makes_everything_unknown(name: str) -> None:
    assert zone(name) is None
    assert market(NEW, "20260911 1200", zone_name=name) is Market.UNKNOWN


@pytest.mark.parametrize(
    "name", ["EST (Eastern Standard Time)", "EST", "EST5EDT", "us/eastern", "US/Eastern", "America/New_York"]
)
def test_ibkrs_zone_names_mean_the_exchanges_clock_with_its_summer_time(name: str) -> None:
    assert market(NEW, "20260911 0930", zone_name=name) is Market.OPEN  # summer time
    assert market("20260115:0930-20260115:1600", "20260115 0930", zone_name=name) is Market.OPEN  # standard time


@pytest.mark.parametrize("name", sorted(ZONE_NAMES))
def test_every_zone_name_of_the_table_exists(name: str) -> None:
    assert zone(name) is not None
    assert zone(name.lower()) is not None


HOMES = {
    "America/New_York": "EST EST5EDT EDT ET US/Eastern",
    "America/Chicago": "CST CST6CDT CDT CT US/Central",
    "America/Los_Angeles": "PST PST8PDT PDT PT US/Pacific",
    "Europe/London": "GMT BST GB GB-Eire",
    "Europe/Berlin": "MET CET MEZ",
    "Asia/Tokyo": "JST Japan",
    "Asia/Hong_Kong": "HKT Hongkong",
    "Australia/Sydney": "AET Australia/NSW",
    "Asia/Kolkata": "Asia/Calcutta",
    "Asia/Singapore": "Singapore",
    "Asia/Shanghai": "PRC",
    "Asia/Seoul": "ROK",
    "UTC": "UTC",
}


@pytest.mark.parametrize("home", HOMES)
def test_every_name_of_ibkrs_is_the_clock_of_a_place(home: str) -> None:
    assert {str(zone(name)) for name in HOMES[home].split()} == {home}


def test_the_clock_of_no_place_is_known_in_any_spelling() -> None:
    assert str(zone("utc")) == "UTC"


def test_the_wall_clock_decides_on_the_day_the_clocks_change() -> None:
    """On 8 March 2026 a New York day has 23 hours: 24 hours after the opening is not the same time next day."""
    over_the_change = "20260307:1800-0200"
    assert market(over_the_change, "20260308 0130") is Market.OPEN
    assert market("20260308:0000-2400", "20260308 2359") is Market.OPEN
    assert market("20260308:0000-2400", "20260309 0030") is not Market.OPEN
    assert market("20261101:0000-2400", "20261101 2359") is Market.OPEN  # 25 hours


def test_only_the_first_days_of_a_very_long_text_are_read() -> None:
    long = ";".join(f"2026{month:02}{day:02}:CLOSED" for month in (1, 2, 3) for day in range(1, 29))
    assert market(long, "20260105 1200") is Market.CLOSED
    assert market(long, "20260304 1200") is Market.CLOSED  # the sixtieth
    assert market(long, "20260305 1200") is Market.UNKNOWN
    assert market(long, "20260328 1200") is Market.UNKNOWN


LIQUID = "20260911:0930-20260911:1600"
TRADING = "20260911:0400-20260911:2000"


def session(text: str, *, trading: str = TRADING, liquid: str = LIQUID) -> Session:
    traded: Details = details(stock(), trading_hours=trading, liquid_hours=liquid, time_zone_id=NEW_YORK)
    return session_at(traded, at(text))


def test_regular_hours_are_liquid() -> None:
    assert session("20260911 1200") is Session.LIQUID


def test_tradable_outside_regular_hours_is_extended() -> None:
    assert session("20260911 0800") is Session.EXTENDED


def test_outside_trading_and_liquid_hours_a_session_is_closed() -> None:
    assert session("20260911 2200") is Session.CLOSED


def test_tradable_but_nobody_says_whether_it_is_the_regular_session_is_unknown() -> None:
    assert session("20260911 0800", liquid="") is Session.UNKNOWN


def test_not_liquid_and_nobody_says_whether_it_trades_is_unknown() -> None:
    assert session("20260911 2200", trading="") is Session.UNKNOWN


def test_a_contract_without_hours_is_unknown() -> None:
    assert session("20260911 1200", trading="", liquid="") is Session.UNKNOWN


@given(st.text(max_size=60), st.text(max_size=12), st.floats(0, 4e9))
def test_no_text_makes_it_raise(hours: str, name: str, at_s: float) -> None:
    assert market_at(hours, name, at_s) in Market
    assert market_at(hours, NEW_YORK, at_s) in Market


@given(st.text("0123456789:;-,CLOSED", max_size=60), st.floats(0, 4e9))
def test_nothing_that_looks_like_hours_makes_it_raise(hours: str, at_s: float) -> None:
    assert market_at(hours, NEW_YORK, at_s) in Market


# how long an answer holds ---------------------------------------------------------------------------------------------

TWO_DAYS = "20261030:0930-20261030:1600;20261031:CLOSED;20261101:0930-20261101:1600"
"""Around the end of summer time in New York, on 1 November 2026."""


def new_york(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp())


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-10-30T08:00:00", "2026-10-30T09:30:00"),  # the opening
        ("2026-10-30T09:30:00", "2026-10-30T16:00:00"),  # the close
        ("2026-10-30T16:00:00", "2026-10-31T00:00:00"),  # a day of which something else is said
        ("2026-10-31T12:00:00", "2026-11-01T00:00:00"),
        ("2026-11-01T00:00:00", "2026-11-01T09:30:00"),  # nine hours and a half by the clock, and one more
        ("2026-11-01T17:00:00", "2026-11-02T00:00:00"),
    ],
)
def test_an_answer_holds_until_the_next_edge_or_the_next_day(at: str, until: str) -> None:
    assert steady_until(TWO_DAYS, "US/Eastern", new_york(at)) == new_york(until)


@pytest.mark.parametrize(
    ("hours", "zone_name"),
    [("", "US/Eastern"), (";", "US/Eastern"), ("gibberish", "US/Eastern"), (TWO_DAYS, "nowhere")],
)
def test_hours_that_nobody_can_read_stay_unknown_for_good(hours: str, zone_name: str) -> None:
    assert steady_until(hours, zone_name, 0) == NEVER_S


@given(st.integers(new_york("2026-10-29T00:00:00"), new_york("2026-11-03T00:00:00")), st.data())
def test_while_an_answer_holds_it_does_not_change(at_s: int, data: st.DataObject) -> None:
    until_s = steady_until(TWO_DAYS, "US/Eastern", at_s)
    assert until_s > at_s
    meanwhile_s = data.draw(st.integers(at_s, until_s - 1))
    assert market_at(TWO_DAYS, "US/Eastern", meanwhile_s) is market_at(TWO_DAYS, "US/Eastern", at_s)

"""Whose clock says which session it is: TWS's as soon as it is told, this machine's before."""

from __future__ import annotations

import pytest

from core.kill.builders import AskQuote, OrderType, Stage, details, ev, held, stock
from engine.core.kill.settings import SECOND

DAY_S = 86_400
NEW_YEAR_S = 4 * 365 * DAY_S  # 31 December 1973, midnight
EVENING = {  # open all day on the first day of the stage; regular hours never
    "trading_hours": "19700101:0000-19700101:2400",
    "liquid_hours": "19700101:CLOSED",
    "time_zone_id": "UTC",
}


def stage_with(*before: ev.Event) -> Stage:
    """The clock of this machine says 1 January 1970, a minute to midnight and later."""
    stage = Stage(held(stock(), 3))
    stage.now_ns = (DAY_S - 60) * SECOND
    stage.press()
    stage.tell(ev.LockTaken(), ev.Connected(("DU1",), 9000), *before)
    stage.tell(ev.Resolved(21, details(stock(), "ARCA", **EVENING)))
    return stage


def test_before_tws_has_told_the_time_hours_are_judged_by_this_machines() -> None:
    assert len(stage_with().all(AskQuote)) == 1  # extended hours: a limit is wanted


def test_hours_are_judged_by_the_time_of_tws() -> None:
    stage = stage_with(ev.ServerClock(NEW_YEAR_S))  # of that day the hours say nothing
    assert stage.all(AskQuote) == [] and stage.place.order_type is OrderType.MARKET


def test_whatever_this_machines_clock_says() -> None:
    stage = Stage(held(stock(), 3))
    stage.now_ns = 10 * SECOND
    stage.press()
    stage.tell(ev.LockTaken(), ev.Connected(("DU1",), 9000), ev.ServerClock(3600))
    stage.tell(ev.Resolved(21, details(stock(), "ARCA", **EVENING)))
    assert len(stage.all(AskQuote)) == 1


def test_the_time_of_tws_goes_on_with_ours() -> None:
    stage = Stage(held(stock(), 3))
    stage.press()
    stage.tell(ev.LockTaken(), ev.Connected(("DU1",), 9000), ev.ServerClock(DAY_S - 30))
    stage.now_ns += 31 * SECOND
    stage.run(1000)  # a fresh look, half a minute later: the day is over
    stage.tell(ev.Resolved(21, details(stock(), "ARCA", **EVENING)))
    stage.run(100)
    assert stage.all(AskQuote) == []


@pytest.mark.parametrize(("off_s", "way"), [(7, "behind"), (-7, "ahead of")])
def test_a_clock_that_differs_is_said_once_with_the_way_it_differs(off_s: int, way: str) -> None:
    now_s = DAY_S - 60
    stage = stage_with(ev.ServerClock(now_s + off_s), ev.ServerClock(now_s + off_s))
    assert stage.said.count("clock_differs") == 1
    assert stage.report.notes == (
        f"this machine's clock is 7 s {way} TWS's: trading hours are judged by TWS's. "
        "Find out which of them is wrong, and set it.",
    )


@pytest.mark.parametrize(("late_s", "told"), [(28, None), (3, None), (2, "ahead of"), (0, "ahead of")])
def test_that_an_answer_was_long_on_its_way_is_no_difference_of_the_clocks(late_s: int, told: str | None) -> None:
    stage = stage_with(ev.ServerClock(DAY_S - 60 - 9, late_s * SECOND))
    assert ("clock_differs" in stage.said) == (told is not None)
    if told:
        assert stage.report.notes[0].startswith(f"this machine's clock is {9 - late_s} s {told} TWS's")


def test_a_late_answer_does_not_hide_that_the_clock_is_behind() -> None:
    assert "clock_differs" in stage_with(ev.ServerClock(DAY_S - 60 + 7, 28 * SECOND)).said


def test_a_late_answer_does_not_put_the_time_of_tws_back() -> None:
    stage = Stage(held(stock(), 3))
    stage.press()
    told = ev.ServerClock(DAY_S + 5), ev.ServerClock(DAY_S - 20, 25 * SECOND)
    stage.tell(ev.LockTaken(), ev.Connected(("DU1",), 9000), *told)
    stage.tell(ev.Resolved(21, details(stock(), "ARCA", **EVENING)))
    assert stage.all(AskQuote) == []  # the day is over


@pytest.mark.parametrize("off_s", [0, 1, -1, 6, -6])
def test_a_difference_of_some_seconds_is_none(off_s: int) -> None:
    """TWS tells whole seconds."""
    stage = stage_with(ev.ServerClock(DAY_S - 60 + off_s))
    assert "clock_differs" not in stage.said and stage.report.notes == ()


@pytest.mark.parametrize(
    ("apart_s", "told"),
    [(100, "100 s"), (120, "2 minutes"), (7199, "119 minutes"), (7200, "2 hours"), (22_385_198, "259 days")],
)
def test_how_far_the_clocks_are_apart_is_told_in_units_that_are_read_at_a_glance(apart_s: int, told: str) -> None:
    stage = Stage(held(stock(), 3))
    stage.press()
    stage.tell(ev.Connected(("DU1",), 9000), ev.ServerClock(apart_s))
    [note] = [note for note in stage.report.notes if "clock" in note]
    assert note.startswith(f"this machine's clock is {told} behind TWS's")

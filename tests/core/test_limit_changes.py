"""Tightening holds at once, loosening from the next trading day and with a reason; the last word counts."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.limit_worlds import CLOCK, EVENING, NOON, SECOND, chicago
from engine.config.limit_settings import limit_values
from engine.config.limits_table import LimitsTable
from engine.core.limit_changes import (
    FILE_REASON,
    FIRST_REASON,
    Adoption,
    Change,
    Direction,
    Held,
    Refusal,
    Standing,
    adopt,
    direction,
    plan_change,
    standing,
)

KEY = "daily_loss_pct"
ORDERS = [
    (KEY, ["100", "10", "2.5", "2", "0.5"]),
    ("futures_max", ["10", "9", "0"]),
    ("size_factor", ["0.9", "0.5", "0"]),
    ("blind_after_s", ["60", "30", "0"]),
    ("stale_after_s", ["60", "5"]),
    ("pause_days", ["0.5", "7", "14"]),
    ("everywhere", ["false", "true"]),
    ("weekly_action", ["alert", "reduce_size", "reduce_only", "halt", "kill"]),
    ("monthly_until", ["day", "week", "month", "lifted"]),
]


def change(
    new: str, told: int, *, old: str = "", reason: str = "r", key: str = KEY, later: int | None = None
) -> Change:
    effective = told if later is None else later
    return Change(key=key, old=old, new=new, reason=reason, told_ns=told, effective_ns=effective)


@pytest.mark.parametrize(("key", "loose_to_tight"), ORDERS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_key_knows_which_way_is_tighter(key: str, loose_to_tight: list[str]) -> None:
    for looser, tighter in pairwise(loose_to_tight):
        assert direction(key, looser, tighter) is Direction.TIGHTER
        assert direction(key, tighter, looser) is Direction.LOOSER
        assert direction(key, looser, looser) is Direction.SAME
    assert direction(key, loose_to_tight[0], loose_to_tight[-1]) is Direction.TIGHTER


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("monthly_until", "week", "pause"),
        ("monthly_until", "pause", "lifted"),
        ("monthly_until", "day", "for ever"),
        ("weekly_action", "stop", "kill"),
        ("weekly_action", "alert", "shout"),
        ("rollover", "17:00", "16:00"),
        ("time_zone", "America/Chicago", "UTC"),
        ("holidays", "", "2026-12-25"),
        ("no_such_key", "2", "1"),
        (KEY, "2", "NaN"),
        (KEY, "2", "-Infinity"),
        (KEY, "NaN", "1"),
        (KEY, "two", "1"),
        (KEY, "2", "one"),
        (KEY, "2", "2.0"),  # another text, but no less
        ("pause_days", "7", "7.0"),
        ("everywhere", "true", "false"),
        ("everywhere", "false", "yes"),
    ],
)
def test_what_is_not_certainly_tighter_is_looser(key: str, old: str, new: str) -> None:
    assert direction(key, old, new) is Direction.LOOSER


def test_every_key_of_the_configuration_can_be_tightened_or_is_a_clock() -> None:
    clocks = {"rollover", "time_zone", "holidays"}
    assert {key for key, _ in ORDERS} - {"futures_max"} <= limit_values(LimitsTable()).keys()
    known = {key for key, _ in ORDERS}
    for key in limit_values(LimitsTable()).keys() - clocks - known:
        assert key.endswith(("_pct", "_action", "_until")), key


def test_tightening_needs_no_reason_and_holds_at_once() -> None:
    assert plan_change(KEY, "1.5", "2", reason="", now_ns=NOON, clock=CLOCK) == change("1.5", NOON, old="2", reason="")


def test_loosening_needs_a_reason_and_holds_from_the_next_trading_day() -> None:
    assert plan_change(KEY, "3", "2", reason=" \t", now_ns=NOON, clock=CLOCK) is Refusal.REASON_MISSING
    planned = plan_change(KEY, "3", "2", reason="larger account", now_ns=NOON, clock=CLOCK)
    assert planned == change("3", NOON, old="2", reason="larger account", later=EVENING)
    friday = plan_change(KEY, "3", "2", reason="r", now_ns=chicago("2026-03-13 17:00"), clock=CLOCK)
    assert isinstance(friday, Change)
    assert friday.effective_ns == chicago("2026-03-16 17:00")


def test_the_value_that_is_in_force_changes_nothing_unless_another_is_to_come() -> None:
    assert plan_change(KEY, "2", "2", reason="r", now_ns=NOON, clock=CLOCK) is Refusal.NOTHING_CHANGES
    stays = plan_change(KEY, "2", "2", reason="", now_ns=NOON, clock=CLOCK, coming="3")
    assert stays == change("2", NOON, old="2", reason="")


def test_a_change_is_in_force_from_its_moment_on() -> None:
    first, looser = change("2", 10), change("3", 20, old="2", later=100)
    assert standing([], 10**9) == {}
    assert standing([first], 10) == {KEY: Standing("2")}
    assert standing([first, looser], 99) == {KEY: Standing("2", looser)}
    assert standing([first, looser], 100) == {KEY: Standing("3")}
    assert standing([looser], 99) == {KEY: Standing("2", looser)}


def test_a_tightening_holds_though_the_clock_is_set_back() -> None:
    tighter, looser = change("1", 50, old="2"), change("3", 40, old="1", later=100)
    assert standing([tighter], 30) == {KEY: Standing("1")}
    assert standing([tighter, looser], 45) == {KEY: Standing("1", looser)}


def test_the_last_word_ends_what_was_still_to_come() -> None:
    looser, tighter = change("3", 20, old="2", later=100), change("1", 50, old="2")
    assert standing([looser, tighter], 1000) == {KEY: Standing("1")}
    other = change("2.5", 60, old="2", later=100)
    assert standing([looser, other], 99) == {KEY: Standing("2", other)}
    assert standing([looser, other], 100) == {KEY: Standing("2.5")}


def test_what_held_before_the_next_word_was_told_is_what_it_changes() -> None:
    looser, more = change("3", 20, old="2", later=100), change("4", 100, old="3", later=200)
    assert standing([looser, more], 199) == {KEY: Standing("3", more)}
    assert standing([looser, change("4", 99, old="2", later=200)], 150)[KEY].value == "2"


def test_keys_do_not_touch_each_other() -> None:
    both = [change("2", 1), change("0.5", 2, key="size_factor"), change("1", 3, old="2")]
    assert standing(both, 3) == {KEY: Standing("1"), "size_factor": Standing("0.5")}


def test_the_first_value_is_taken_as_it_is() -> None:
    assert adopt({KEY: "7"}, [], NOON) == Adoption((change("7", NOON, reason=FIRST_REASON),), ())


def test_a_file_tightens_at_once_and_never_loosens() -> None:
    before = [change("2", 1)]
    assert adopt({KEY: "1"}, before, NOON) == Adoption((change("1", NOON, old="2", reason=FILE_REASON),), ())
    assert adopt({KEY: "3"}, before, NOON) == Adoption((), (Held(KEY, "3", "2"),))
    assert adopt({KEY: "2"}, before, NOON) == Adoption((), ())


def test_a_file_that_asks_for_what_is_to_come_waits_with_it() -> None:
    coming = [change("2", 1), change("3", 2, old="2", later=EVENING)]
    assert adopt({KEY: "3"}, coming, NOON) == Adoption((), ())
    assert adopt({KEY: "2"}, coming, NOON) == Adoption((), ())
    assert adopt({KEY: "4"}, coming, NOON) == Adoption((), (Held(KEY, "4", "2"),))
    assert adopt({KEY: "3"}, coming, EVENING) == Adoption((), ())
    assert adopt({KEY: "2"}, coming, EVENING).changes == (change("2", EVENING, old="3", reason=FILE_REASON),)


@given(st.lists(st.tuples(st.sampled_from(["1", "2", "3", "4"]), st.integers(0, 40 * 3600)), max_size=8))
def test_nothing_that_is_asked_for_loosens_a_limit_within_its_trading_day(asked: list[tuple[str, int]]) -> None:
    told, now = [change("4", NOON)], NOON
    for value, pause_s in asked:
        now += pause_s * SECOND
        before = standing(told, now)[KEY]
        coming = before.coming.new if before.coming else None
        planned = plan_change(KEY, value, before.value, reason="r", now_ns=now, clock=CLOCK, coming=coming)
        if isinstance(planned, Change):
            told.append(planned)
        in_force = int(standing(told, now)[KEY].value)
        assert in_force == min(int(before.value), int(value))
        assert int(standing(told, CLOCK.next_trading_day_start(now) - 1)[KEY].value) == in_force
        assert standing(told, CLOCK.next_trading_day_start(now))[KEY] == Standing(value)

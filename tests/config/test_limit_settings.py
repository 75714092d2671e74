"""The table [limits]: its defaults are the printed page, its faults are told, and the kill does not care for them."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.limit_settings import equity_settings, limit_settings, limit_values, limits_table, period_clock
from engine.config.limits_table import ActionWord, LimitsTable, UntilWord
from engine.config.problems import ConfigError
from engine.config.reader import load, plan_for_kill
from engine.core.equity import EquitySettings
from engine.core.limit_rules import SECOND_NS, Action, Lasting, Limit, LimitSettings, Rule
from engine.core.periods import DAY_NS, PeriodClock

WORDS = {kind: list(kind.__args__) for kind in (ActionWord, UntilWord)}
PERCENT = st.floats(0.001, 100)
TABLES = st.builds(
    LimitsTable,
    daily_loss_pct=PERCENT,
    breaker_loss_pct=PERCENT,
    daily_action=st.sampled_from(WORDS[ActionWord]),
    weekly_until=st.sampled_from(WORDS[UntilWord]),
    size_factor=st.floats(0, 0.99),
    pause_days=st.floats(0.01, 366),
    everywhere=st.booleans(),
    stale_after_s=st.floats(1, 3600),
    blind_after_s=st.floats(0, 3600),
    holidays=st.lists(st.dates(), max_size=3).map(tuple),
)


def loaded(folder: Path, text: str, environ: dict[str, str] | None = None) -> LimitsTable:
    path = folder / "quant-engine.toml"
    path.write_text(f"[limits]\n{text}\n", encoding="utf-8")
    return load(str(path), environ or {}).limits


def test_the_defaults_are_those_of_the_rules_and_the_clock() -> None:
    assert limit_settings(LimitsTable()) == LimitSettings()
    assert equity_settings(LimitsTable()) == EquitySettings()
    assert period_clock(LimitsTable()) == PeriodClock()


def test_the_words_are_those_of_the_rules() -> None:
    assert WORDS[ActionWord] == [action.value for action in Action]
    assert WORDS[UntilWord] == [lasting.value for lasting in Lasting]


def test_every_key_comes_to_something(tmp_path: Path) -> None:
    table = loaded(
        tmp_path,
        """
        daily_loss_pct = 1.1
        daily_action = "reduce_only"
        daily_until = "lifted"
        weekly_loss_pct = 2.2
        weekly_action = "alert"
        weekly_until = "month"
        monthly_loss_pct = 3.3
        monthly_action = "kill"
        monthly_until = "day"
        breaker_loss_pct = 4.4
        breaker_action = "halt"
        breaker_until = "pause"
        size_factor = 0.25
        pause_days = 0.5
        everywhere = true
        blind_after_s = 1.5
        stale_after_s = 7
        rollover = "05:30"
        time_zone = "Europe/London"
        holidays = [2026-12-25]
        """,
    )
    assert limit_settings(table) == LimitSettings(
        rules=(
            Rule(Limit.DAILY, Decimal("1.1"), Action.REDUCE_ONLY, Lasting.LIFTED),
            Rule(Limit.WEEKLY, Decimal("2.2"), Action.ALERT, Lasting.MONTH),
            Rule(Limit.MONTHLY, Decimal("3.3"), Action.KILL, Lasting.DAY),
            Rule(Limit.BREAKER, Decimal("4.4"), Action.HALT, Lasting.PAUSE),
        ),
        size_factor=Decimal("0.25"),
        pause_ns=DAY_NS // 2,
        everywhere=True,
        blind_grace_ns=3 * SECOND_NS // 2,
        equity_age_ns_max=7 * SECOND_NS,
    )
    assert equity_settings(table).news_age_ns_max == 7 * SECOND_NS
    assert period_clock(table) == PeriodClock(
        rollover=datetime.time(5, 30), zone="Europe/London", holidays=frozenset({datetime.date(2026, 12, 25)})
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("daily_loss_pct = 0", "daily_loss_pct"),
        ("daily_loss_pct = 100.5", "daily_loss_pct"),
        ("daily_loss_pct = nan", "daily_loss_pct"),
        ('daily_loss_pct = "2"', "daily_loss_pct"),
        ('daily_action = "stop"', 'expected "alert" or "reduce_size"'),
        ("size_factor = 1", "size_factor"),
        ("pause_days = 0", "pause_days"),
        ("stale_after_s = 0", "stale_after_s"),
        ('rollover = "24:00"', "rollover"),
        ('rollover = "17:00\\n"', "rollover"),
        ('time_zone = "Mars/Olympus"', "'Mars/Olympus' is not known here; take an IANA name"),
        ('holidays = ["Christmas"]', "holidays"),
        ("daily_loss = 3", "did you mean 'daily_loss_pct'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_does_not_reach_the_kill(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, line)
    assert words in str(caught.value)
    assert ":2:" in str(caught.value)
    plan = plan_for_kill(str(tmp_path / "quant-engine.toml"), {})
    assert ([place.name for place in plan.places], plan.unusable, plan.unread) == (["paper", "live"], {}, "")


def test_a_syntax_error_among_the_limits_raises_no_doubt_about_logins(tmp_path: Path) -> None:
    path = tmp_path / "quant-engine.toml"
    path.write_text(
        '[logins.a]\nmode = "paper"\n[limits]\neverywhere = = true\ndaily_action = "halt\n', encoding="utf-8"
    )
    plan = plan_for_kill(str(path), {})
    assert ([place.name for place in plan.places], plan.unread) == (["a"], "")
    assert plan.faults


def test_the_environment_reaches_the_limits(tmp_path: Path) -> None:
    assert loaded(tmp_path, "daily_loss_pct = 2", {"QE_LIMITS__DAILY_LOSS_PCT": "1.5"}).daily_loss_pct == 1.5


@given(TABLES)
def test_a_table_and_its_texts_are_the_same(table: LimitsTable) -> None:
    again = limits_table(limit_values(table))
    assert limit_values(again) == limit_values(table)
    assert limit_settings(again) == limit_settings(table)
    assert period_clock(again) == period_clock(table)


@given(TABLES)
def test_whatever_the_file_may_say_has_a_meaning(table: LimitsTable) -> None:
    assert limit_settings(table).pause_ns > 0
    assert {rule.limit for rule in limit_settings(table).rules} == set(Limit)


def test_equal_values_have_equal_texts() -> None:
    whole, point = LimitsTable(daily_loss_pct=2), LimitsTable(daily_loss_pct=2.0)
    assert limit_values(whole) == limit_values(point)
    assert limit_values(whole)["daily_loss_pct"] == "2"
    assert limit_values(LimitsTable(pause_days=100.0))["pause_days"] == "100"
    days = (datetime.date(2026, 12, 25), datetime.date(2026, 1, 1), datetime.date(2026, 12, 25))
    assert limit_values(LimitsTable(holidays=days))["holidays"] == "2026-01-01 2026-12-25"
    assert limit_values(LimitsTable())["everywhere"] == "false"


def test_texts_that_are_no_values_are_refused() -> None:
    for key, text in (("daily_loss_pct", "nan"), ("daily_action", "stop"), ("holidays", "soon"), ("rollover", "5 pm")):
        with pytest.raises(msgspec.ValidationError, match=key):
            limits_table({key: text})

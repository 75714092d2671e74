"""Another value for a limit: tighter at once, looser with a reason from the next trading day, and never unwritten."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.limit_worlds import CLOCK, NOON
from engine.config.limits_table import LimitsTable
from engine.core.limit_changes import Change
from engine.core.restrictions import Scope
from engine.journal import chain
from engine.journal.events import LimitChanged
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory
from engine.journal.trouble import Code
from engine.trading import limit_setting
from engine.trading.errors import LimitRefused, RulesUnreadable
from engine.trading.limit_setting import set_limit
from engine.trading.limit_source import LimitSource, in_force, notes_of
from engine.trading.rules import Rules
from trading.overtaken import Overtaken
from trading.rules_in_memory import rules_in_memory

PAPER = Scope("paper")
SOURCE = LimitSource(LimitsTable())


def ask(rules: Rules, key: str, value: str, reason: str = "", now_ns: int = NOON) -> Change:
    return set_limit(rules, PAPER, SOURCE, key, value, reason=reason, now_ns=now_ns, actor="ann")


def changed(memory: Memory) -> list[LimitChanged]:
    found = (chain.opened(one).event for one in memory.records)
    return [one for one in found if isinstance(one, LimitChanged)]


def test_tighter_holds_at_once_and_says_who() -> None:
    memory = Memory()
    change = ask(rules_in_memory(lambda: NOON, memory), "daily_loss_pct", "1.5")
    assert (change.old, change.new, change.effective_ns) == ("2", "1.5", NOON)
    (written,) = changed(memory)
    assert (written.scope, written.new, memory.records[-1].actor) == (PAPER, "1.5", "ann")
    assert in_force(SOURCE, (change,), NOON).settings.rules[0].loss_pct == Decimal("1.5")


def test_looser_takes_a_reason_and_the_next_trading_day() -> None:
    memory = Memory()
    rules = rules_in_memory(lambda: NOON, memory)
    with pytest.raises(LimitRefused, match="would be looser than 2, and no reason was given"):
        ask(rules, "daily_loss_pct", "3", reason="  ")
    assert changed(memory) == []
    change = ask(rules, "daily_loss_pct", "3", reason="tested")
    assert change.effective_ns == CLOCK.next_trading_day_start(NOON)
    assert changed(memory)[0].reason == "tested"
    with pytest.raises(LimitRefused, match="daily_loss_pct is 2 already"):
        ask(rules_in_memory(lambda: NOON), "daily_loss_pct", "2")


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("daily_los_pct", "1", "There is no limit 'daily_los_pct'"),
        ("daily_loss_pct", "much", "daily_loss_pct cannot be 'much'"),
        ("daily_loss_pct", "-1", "daily_loss_pct cannot be '-1'"),
        ("daily_action", "sleep", "daily_action cannot be 'sleep'"),
        ("time_zone", "Mars/Olympus", "time_zone cannot be 'Mars/Olympus'"),
    ],
)
def test_what_is_no_value_changes_nothing_and_is_told_in_words(key: str, value: str, says: str) -> None:
    memory = Memory()
    with pytest.raises(LimitRefused, match=says) as refused:
        ask(rules_in_memory(lambda: NOON, memory), key, value, reason="r")
    assert "Every limit stands as it did" in str(refused.value) and memory.records == []


@pytest.mark.parametrize("unreadable", [True, False])
def test_what_cannot_be_written_down_is_not_changed(unreadable: bool) -> None:
    memory = Memory()
    if unreadable:
        memory.unreadable = Code.CORRUPT
    else:
        memory.fails = Code.FULL
    with pytest.raises(RulesUnreadable, match="limits of paper cannot be changed"):
        ask(rules_in_memory(lambda: NOON, memory), "daily_loss_pct", "1")
    assert memory.records == []


def test_limits_that_were_written_down_by_another_version_are_not_changed() -> None:
    memory = Memory()
    rules = rules_in_memory(lambda: NOON, memory)
    strange = LimitChanged(scope=PAPER, limit="moon_phase", old="1", new="2", reason="r", effective_ns=NOON)
    rules.journal.append(strange)
    with pytest.raises(RulesUnreadable, match="does not know moon_phase"):
        ask(rules, "daily_loss_pct", "1")


def overtaken(memory: Memory, other: LimitChanged) -> Rules:
    rules = rules_in_memory(lambda: NOON, memory)
    rules.journal = Journal(Overtaken(memory, rules.journal, other), actor="test", clock=lambda: NOON)
    return rules


def test_who_is_overtaken_decides_anew_on_what_the_other_has_written() -> None:
    memory = Memory()
    other = LimitChanged(scope=PAPER, limit="daily_loss_pct", old="2", new="1", reason="", effective_ns=NOON)
    with pytest.raises(LimitRefused, match="would be looser than 1"):
        ask(overtaken(memory, other), "daily_loss_pct", "1.5")
    assert [one.new for one in changed(memory)] == ["1"]


def test_who_is_overtaken_all_the_time_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit_setting, "TRIES_MAX", 1)
    memory = Memory()
    other = LimitChanged(scope=PAPER, limit="weekly_loss_pct", old="5", new="4", reason="", effective_ns=NOON)
    with pytest.raises(RulesUnreadable, match="append to the journal all the time"):
        ask(overtaken(memory, other), "daily_loss_pct", "1")
    assert [one.limit for one in changed(memory)] == ["weekly_loss_pct"]


def test_a_looser_value_to_come_is_told_and_one_in_the_file_holds_only_with_a_reason() -> None:
    rules = rules_in_memory(lambda: NOON)
    coming = ask(rules, "daily_loss_pct", "3", reason="tested")
    assert notes_of(SOURCE, (coming,), NOON) == ("daily_loss_pct becomes 3 at the next trading day: tested",)

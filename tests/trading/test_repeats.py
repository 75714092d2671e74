"""An error that repeats is told once, and then counted."""

from __future__ import annotations

from engine.core.kill.report import TimelineEntry
from engine.trading.repeats import Repeats

WHY = "321: Error validating request.-'bY' : cause - The API interface is currently in Read-Only mode."


def ended(what: str, why: str = WHY, kind: str = "close_ended") -> TimelineEntry:
    return TimelineEntry(1.0, kind, f"{what}: closing order ended, 0 filled. {why}")


def test_the_same_words_are_told_once_for_each_login_and_then_counted() -> None:
    repeats = Repeats()
    first = ended("ESH6")
    assert repeats.shortened("paper", first) is first
    assert repeats.shortened("live", first) is first
    again = repeats.shortened("paper", ended("NQH6"))
    assert again.text == "NQH6: closing order ended, 0 filled. 321, as before (2 times)" and again.at_ms == 1.0
    assert repeats.shortened("paper", first).text.endswith("321, as before (3 times)")


def test_words_without_a_number_other_words_short_ones_and_other_steps_are_no_repeats() -> None:
    repeats = Repeats()
    for step in (
        ended("ESH6", "nobody has said why it was ended"),
        ended("ESH6", "short"),
        ended("ESH6", kind="other"),
    ):
        assert repeats.shortened("paper", step) is step
    other = ended("ESH6", "201: Order rejected - reason: no margin")
    assert repeats.shortened("paper", other) is other
    assert repeats.shortened("paper", ended("ESH6", "short")).text.endswith("short")
    assert repeats.shortened("paper", ended("ESH6", kind="other")).text.endswith(WHY)
    assert repeats.shortened("paper", ended("A", "nobody has said why it was ended")).text.endswith(
        "As before (2 times)"
    )

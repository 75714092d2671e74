"""A line of the timeline: short enough to be read while it goes by, and never short of what happened."""

from __future__ import annotations

import pytest

from engine.broker.failures import not_understood, refused
from engine.cli.kill_run import timeline_line
from engine.core.kill.report import TimelineEntry
from engine.wire.errors import NotTws


def test_advice_is_left_to_the_report_where_it_does_not_fit() -> None:
    step = TimelineEntry(128.0, "disconnected", refused("127.0.0.1", 7497).text)
    line = timeline_line("paper", step, 8, columns_max=80)
    assert line == "   0.128 s  paper    nothing listens on 127.0.0.1:7497"
    assert timeline_line("paper", step, 8, columns_max=40) == "   0.128 s  paper    nothing listens on…"
    assert step.text in timeline_line("paper", step, 8, columns_max=None)  # in the record it is whole


def test_a_place_is_no_clause() -> None:
    step = TimelineEntry(1.0, "disconnected", not_understood("127.0.0.1", 7497, NotTws(b"HTTP/1.1 400")).text)
    assert "what answers there is not TWS" in timeline_line("paper", step, 8, columns_max=80)


def test_what_the_broker_said_is_never_cut() -> None:
    step = TimelineEntry(
        1.0, "close_ended", "ESH6: closing order ended, 0 filled. 201: Order rejected - " + "why " * 30
    )
    assert timeline_line("paper", step, 8, columns_max=80).endswith("why why")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("SPY   260417P00560000: BUY 10 MKT on SMART", "SPY 20260417 560P: BUY 10 MKT on SMART"),
        ("BRK.B 260417C00002500: BUY 1 filled", "BRK.B 20260417 2.5C: BUY 1 filled"),
        ("SPX   260417P06000000: SELL 2 filled", "SPX 20260417 6000P: SELL 2 filled"),
        ("ESH6: SELL 3  filled", "ESH6: SELL 3 filled"),
    ],
)
def test_contracts_are_named_as_in_the_report(said: str, shown: str) -> None:
    assert timeline_line("paper", TimelineEntry(259.0, "close_sent", said), 8, columns_max=80).endswith(f"  {shown}")

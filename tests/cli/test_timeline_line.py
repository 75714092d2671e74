"""A line of the timeline: short enough to be read while it goes by, and never short of what happened."""

from __future__ import annotations

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
    assert "handshake" in timeline_line("paper", step, 8, columns_max=80)


def test_what_the_broker_said_is_never_cut() -> None:
    step = TimelineEntry(
        1.0, "close_ended", "ESH6: closing order ended, 0 filled. 201: Order rejected - " + "why " * 30
    )
    assert timeline_line("paper", step, 8, columns_max=80).endswith("why why")


def test_padded_symbols_are_squeezed() -> None:
    step = TimelineEntry(259.0, "close_sent", "SPY   260417P00560000: BUY 10 MKT on SMART")
    assert timeline_line("paper", step, 8, columns_max=80).endswith("SPY 260417P00560000: BUY 10 MKT on SMART")

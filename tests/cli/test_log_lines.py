"""A log waits for nobody who does not take it."""

from __future__ import annotations

import threading

import pytest

from engine.cli import log_lines
from engine.cli.log_lines import LogLines


def test_lines_come_out_in_their_order_with_their_time_and_the_last_ones_before_the_end() -> None:
    written: list[str] = []
    log = LogLines(written.append)
    for number in range(50):
        log.log(f"line {number}")
    log.end()
    assert [line[21:] for line in written] == [f"line {number}\n" for number in range(50)]
    assert written[0][4] == "-"


def test_who_logs_never_waits_and_what_was_lost_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "LINES_MAX", 3)
    monkeypatch.setattr(log_lines, "END_S_MAX", 0.05)
    taken, begun, written = threading.Event(), threading.Event(), list[str]()

    def hanging(line: str) -> None:
        begun.set()
        taken.wait(20)
        written.append(line)

    log = LogLines(hanging)
    log.log("the first")
    assert begun.wait(20)
    for number in range(10):
        log.log(f"line {number}")
    log.end()  # which does not wait either
    taken.set()
    while log._lines.qsize():
        threading.Event().wait(0.01)
    log.log("again")
    log.end()
    log._thread.join(20)
    assert [line[21:] for line in written[:4]] == ["the first\n", "line 0\n", "line 1\n", "line 2\n"]
    assert "again (7 lines before this one are lost" in written[-1]


def test_a_closed_pipe_ends_nothing() -> None:
    def closed(_line: str) -> None:
        raise BrokenPipeError

    log = LogLines(closed)
    log.log("x")
    log.log("y")
    log.end()
    assert not log._thread.is_alive()

"""A log waits for nobody who does not take it. How lines are written at all: tests/test_voice.py."""

from __future__ import annotations

import os
import threading
import time

import pytest

from engine.cli import log_lines
from engine.cli.log_lines import LogLines

PIPE_BYTES = 1 << 17  # more than a pipe takes before somebody reads


def test_lines_come_out_in_their_order_with_their_time_and_the_last_ones_before_the_end() -> None:
    reader, writer = os.pipe()
    log = LogLines(writer)
    for number in range(50):
        log.log(f"line {number}")
    log.end()
    lines = os.read(reader, 1 << 16).decode().splitlines()
    assert [line[21:] for line in lines] == [f"line {number}" for number in range(50)]
    assert lines[0][4] == "-" and lines[0][13] == ":"


def test_who_logs_never_waits_and_what_was_lost_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "LINES_MAX", 4)
    monkeypatch.setattr(log_lines, "END_S_MAX", 0.05)
    reader, writer = os.pipe()
    log, began = LogLines(writer), time.monotonic()
    log.log("x" * PIPE_BYTES)  # nobody reads: it is stuck half-way
    for number in range(10):
        log.log(f"line {number}")
    log.end()
    assert time.monotonic() - began < 5
    taken = bytearray()

    def read() -> None:
        while not taken.endswith(b"not taken)\n"):
            taken.extend(os.read(reader, 1 << 16))

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    monkeypatch.setattr(log_lines, "END_S_MAX", 20.0)
    log.end()
    log.log("again")
    reading.join(20)
    lines = taken.decode().splitlines()
    assert [line[21:] for line in lines[1:]] == [
        "line 0",
        "line 1",
        "line 2",
        "again (7 lines before this one are lost: the log was not taken)",
    ]

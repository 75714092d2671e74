"""Speaking never waits for whoever should listen."""

from __future__ import annotations

import errno
import os
import time

import pytest

from engine import voice
from engine.voice import Voice


def test_lines_come_out_in_order() -> None:
    reader, writer = os.pipe()
    spoken = Voice()
    for number in range(100):
        spoken.say(f"line {number}", writer)
    assert spoken.finish(5)
    assert os.read(reader, 1 << 20).decode().splitlines() == [f"line {number}" for number in range(100)]


def test_a_pipe_that_nobody_reads_holds_nobody_up() -> None:
    reader, writer = os.pipe()
    spoken = Voice()
    started = time.monotonic()
    for _ in range(voice.LINES_MAX + 1000):
        spoken.say("x" * 200, writer)
    assert spoken.dropped > 0
    assert not spoken.finish(0.05)
    assert time.monotonic() - started < 5
    os.close(reader)
    assert not spoken.finish(5)  # the pipe is gone: all is taken, and it says that it was not read


def test_a_closed_stream_is_not_an_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    spoken = Voice()
    spoken.say("into the void", writer)  # neither of the two: nowhere else to say it
    spoken.say("and the other stream goes on", 2)
    assert not spoken.finish(5)


def test_what_one_disk_does_not_take_is_told_elsewhere_and_the_next_line_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full, written = [True], list[tuple[int, bytes]]()

    def write(fd: int, data: bytes) -> int:
        if fd == voice.OUT and full:
            full.clear()
            raise OSError(errno.ENOSPC, "no room")
        written.append((fd, data))
        return len(data)

    monkeypatch.setattr(voice.os, "write", write)
    spoken = Voice()
    spoken.say("the first")
    spoken.say("the second")
    assert not spoken.finish(5)  # standard output has not all of it
    assert written == [(voice.ERR, b"the first\n"), (voice.OUT, b"the second\n")]

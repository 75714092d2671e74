"""The press is the start of the process where that is known, and never a guess."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import cast

import pytest

from engine.cli import kill_run, process_start
from engine.cli.first_strike import FirstStrike
from engine.cli.kill_arguments import KillArguments
from engine.cli.presses import Presses
from engine.cli.process_start import AGE_MAX_NS, started_ns
from engine.config.plan import default_plan

MS = 1_000_000
AT_NS = 50_000 * MS  # when our first line was reached


class Mute:
    def speak_through(self, *_voices: object) -> None:
        pass


def stat(ticks: int) -> bytes:
    return b"7 (a) b) c) R " + b" ".join([b"1"] * 18) + b" %d 0 0\n" % ticks


def test_it_is_the_end_of_the_tick_that_is_told_by_the_monotonic_clock() -> None:
    assert started_ns(stat(6494), 100, 15_000 * MS, AT_NS) == 49_950 * MS


@pytest.mark.parametrize(
    ("said", "ticks_per_s"),
    [
        (stat(6500), 100),  # it would begin behind its first line
        (stat(6398), 100),  # a shell that became this process, a second ago and more
        (stat(1)[:30], 100),
        (b"", 100),
        (stat(6494).replace(b"6494", b"-4"), 100),
        (stat(6494), -1),
    ],
)
def test_what_cannot_be_counts_as_unknown(said: bytes, ticks_per_s: int) -> None:
    assert started_ns(said, ticks_per_s, 15_000 * MS, AT_NS) == AT_NS
    assert started_ns(stat(6399), 100, 15_000 * MS, AT_NS) == AT_NS - AGE_MAX_NS  # the oldest that counts


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_on_linux_it_lies_before_the_first_line() -> None:
    code = (
        "import time; at = time.monotonic_ns(); time.sleep(0.05); now = time.monotonic_ns()\n"
        "from engine.cli.process_start import pressed_ns\n"
        "print(now - pressed_ns(now))"
    )
    began = time.monotonic_ns()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    took_ns = time.monotonic_ns() - began
    age_ns = int(done.stdout)
    tick_ns = 10 * MS  # Linux tells a process's start in hundredths of a second
    assert 50 * MS - tick_ns <= age_ns <= took_ns + tick_ns or took_ns > AGE_MAX_NS  # very slow: then it is not taken


def test_the_kill_counts_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pressed: list[int] = []
    monkeypatch.setattr(process_start, "pressed_ns", lambda reached_ns: reached_ns - 40 * MS)
    monkeypatch.setattr(kill_run.KillRun, "run", lambda run, _strike: pressed.append(run._pressed_ns))
    monkeypatch.setattr(kill_run.gc, "enable", lambda: None)
    other = Mute()
    kill_run.begin(KillArguments(), default_plan(), cast(FirstStrike, other), cast(Presses, other), AT_NS)
    assert pressed == [AT_NS - 40 * MS]

"""A line of the timeline: short enough to be read while it goes by, and never short of what happened."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.broker.failures import not_understood, refused
from engine.core.kill.report import TimelineEntry
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading import manager as managers
from engine.trading.kill_switch import OnStep
from engine.trading.timeline import timeline_line
from engine.wire.errors import NotTws
from trading.stage import manager, stage


def test_advice_is_left_to_the_report_where_it_does_not_fit() -> None:
    step = TimelineEntry(128.0, "disconnected", refused("127.0.0.1", 7497).text)
    line = timeline_line("paper", step, 8, columns_max=80)
    assert line == "   0.128 s  paper    nothing listens on 127.0.0.1:7497"
    assert timeline_line("paper", step, 8, columns_max=40).split() == line.split()  # on two lines, and whole
    assert step.text in timeline_line("paper", step, 8, columns_max=None)  # in the record it is whole


def test_a_place_is_no_clause() -> None:
    step = TimelineEntry(1.0, "disconnected", not_understood("127.0.0.1", 7497, NotTws(b"HTTP/1.1 400")).text)
    assert "what answers there is not TWS" in timeline_line("paper", step, 8, columns_max=80)


def test_what_the_broker_said_is_never_cut() -> None:
    step = TimelineEntry(
        1.0, "close_ended", "ESH6: closing order ended, 0 filled. 201: Order rejected - " + "why " * 30
    )
    lines = timeline_line("paper", step, 8, columns_max=80).splitlines()
    assert max(map(len, lines)) <= 80 and " ".join(line.strip() for line in lines).endswith("why " * 29 + "why")
    assert all(line.startswith(" " * 21 + "why") for line in lines[1:])  # below its words


def test_no_word_is_broken_where_a_line_ends() -> None:
    step = TimelineEntry(2.0, "cancel_sent", "connected as client 1, accounts DU1234567; global cancel sent")
    assert timeline_line("paper", step, 8, columns_max=80).splitlines() == [
        "   0.002 s  paper    connected as client 1, accounts DU1234567; global cancel",
        "                     sent",
    ]
    assert "\n" not in timeline_line("paper", step, 8, columns_max=None)


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


# where nobody else tells it -------------------------------------------------------------------------------------------

TELLS = """
import time
from engine.core.kill.report import TimelineEntry
from engine.trading.timeline import on_terminal
tell = on_terminal(["paper"])
print(tell is not None, flush=True)
if tell is not None:
    tell("paper", TimelineEntry(7.0, "connected", "connected as client 1"))
    time.sleep(0.2)
"""


def test_on_a_terminal_it_is_told_as_it_happens() -> None:
    ours, terminal = os.openpty()
    done = subprocess.run(
        [sys.executable, "-c", TELLS], stdout=subprocess.PIPE, stderr=terminal, check=True, timeout=60
    )
    os.close(terminal)
    assert done.stdout == b"True\n"
    assert os.read(ours, 1000).decode().strip() == "0.007 s  paper    connected as client 1"
    os.close(ours)


@pytest.mark.skipif(os.name == "nt", reason="a shell closes it")
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/null", "2>&1"])
def test_what_is_no_terminal_belongs_to_the_program(redirection: str) -> None:
    command = f'"{sys.executable}" -c "$TELLS" {redirection}'
    done = subprocess.run(
        command, shell=True, env={**os.environ, "TELLS": TELLS}, stdout=subprocess.PIPE, check=True, timeout=60
    )
    assert done.stdout == b"False\n"


@pytest.mark.parametrize("alone", [True, False])
def test_a_kill_that_nobody_listens_to_is_told_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    told: list[str] = []

    @contextmanager
    def telling(_names: object, _deadline_s: float) -> Iterator[OnStep]:
        yield lambda name, _step: told.append(name)

    monkeypatch.setattr(managers, "told", telling)

    async def test(_world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        heard: list[str] = []
        on_step = None if alone else lambda name, _step: heard.append(name)
        await mgr.kill_switch_all("EMERGENCY", on_step=on_step)
        assert bool(told) is alone and bool(heard) is not alone
        await mgr.kill_switch("paper", "again", on_step=on_step)
        assert bool(told) is alone

    stage("calm", test)

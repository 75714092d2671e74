"""A kill that a person stops: its report says what was reached, what was sent and what was done, and no more."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.core.kill.report import LoginOutcome
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading import KillReport, kill_switch
from trading.stage import manager, stage


class StopsAfter:
    """In place of a person who presses Ctrl-C twice."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    @contextmanager
    def taken(self, give_up: Callable[[], None]) -> Iterator[None]:
        timer = asyncio.get_running_loop().call_later(self._seconds, give_up)
        yield
        timer.cancel()


def stopped(scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after_s: float) -> KillReport:
    monkeypatch.setattr(kill_switch, "INTERRUPTS", StopsAfter(after_s))

    async def test(_world: World, loop: VirtualLoop) -> KillReport:
        return await manager(loop, tmp_path).kill_switch_all("EMERGENCY")

    return stage(scenario, test)


def prose(report: KillReport) -> str:
    return re.sub(r"\s+", " ", str(report))


def test_a_tws_that_never_let_it_in_was_not_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = stopped("black-hole", tmp_path, monkeypatch, 6)
    live = report.logins["live"]
    assert live.outcome is LoginOutcome.UNREACHABLE and report.exit_code == 2
    said = prose(report)
    assert "NOT REACHED Nothing was cancelled, nothing was closed. stopped by Ctrl-C before TWS let it in" in said
    assert "It was reached" not in said and "orders that were sent may still fill" not in said


def test_a_cancel_that_was_sent_in_advance_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = stopped("slow-login", tmp_path, monkeypatch, 2)
    said = prose(report)
    assert "A global cancel was sent in advance; TWS may have dropped it. Nothing was closed. stopped by Ctrl-C" in said
    assert "It was reached" not in said


def test_what_was_done_until_then_is_told_and_what_may_still_fill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = stopped("slow-fills", tmp_path, monkeypatch, 2)
    for login in report.logins.values():
        assert login.outcome is LoginOutcome.UNKNOWN
        assert login.cancelled and login.accounts and login.residue
        assert login.timings.last_close_ms is not None
    said = prose(report)
    assert "It was reached, and could not be proven flat." in said
    assert "closing orders that were sent may still fill" in said
    assert said.count("one more global cancel leaves as this kill stops") == 2
    assert "no open order was seen" not in said and "the time ran out" not in said


def test_one_that_has_sent_no_closing_order_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = stopped("positions-unanswered", tmp_path, monkeypatch, 1)
    said = prose(report)
    assert "stopped by Ctrl-C before a closing order was sent" in said and "may still fill" not in said

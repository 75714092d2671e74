"""A login whose TWS comes up late, or never: how long it is tried, and who waits for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.kill.report import LoginOutcome
from engine.simulator import faults as f
from engine.simulator.scenario import Scenario, load_scenario
from scenarios.rehearsal import rehearse


def world(*faults: f.AnyFault) -> Scenario:
    return replace(load_scenario("calm"), faults=faults)


@pytest.mark.parametrize("late", [f.NotRunning(login="live", for_s=20), f.SilentAccept(login="live", for_s=20)])
def test_a_login_that_comes_up_while_another_is_still_killed_is_killed_too(tmp_path: Path, late: f.AnyFault) -> None:
    judged = rehearse(world(late, f.SlowFill(login="paper", seconds=30)), tmp_path)
    assert judged.report.flat, str(judged.report)
    assert judged.flat == {"paper": True, "live": True}


@pytest.mark.parametrize(
    ("gone", "seconds"),
    [(f.NotRunning(login="live"), 5), (f.SilentAccept(login="live"), 12)],
    ids=["refused", "silent"],
)
def test_alone_it_is_given_up_by_the_time_the_decision_says(tmp_path: Path, gone: f.AnyFault, seconds: int) -> None:
    judged = rehearse(world(gone), tmp_path)
    assert judged.report.logins["live"].outcome is LoginOutcome.UNREACHABLE
    assert judged.report.logins["paper"].flat
    assert seconds - 0.1 <= judged.seconds <= seconds + 0.5


def test_one_that_never_comes_up_does_not_keep_the_report_of_the_others(tmp_path: Path) -> None:
    slow = f.SlowFill(login="paper", seconds=30)
    alone = rehearse(world(slow), tmp_path / "a").seconds
    assert rehearse(world(slow, f.NotRunning(login="live")), tmp_path / "b").seconds <= alone + 0.5

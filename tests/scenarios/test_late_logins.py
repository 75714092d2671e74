"""A login whose TWS comes up late, or never: how long it is tried, and who waits for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import pytest
from msgspec.structs import replace

from engine.broker.reaching import Patience
from engine.core.kill.report import LoginOutcome
from engine.simulator import faults as f
from engine.simulator.scenario import Scenario, load_scenario
from engine.simulator.server import World
from engine.trading import IBKRAccountManager
from scenarios.rehearsal import rehearse

BESIDE_S, OTHER_S = Patience().beside_s, Patience().other_s


def world(*faults: f.AnyFault) -> Scenario:
    return replace(load_scenario("calm"), faults=faults)


@pytest.mark.parametrize("late", [f.NotRunning(login="live", for_s=20), f.SilentAccept(login="live", for_s=20)])
def test_a_login_that_comes_up_while_another_is_still_killed_is_killed_too(tmp_path: Path, late: f.AnyFault) -> None:
    judged = rehearse(world(late, f.SlowFill(login="paper", seconds=30)), tmp_path)
    assert judged.report.flat, str(judged.report)
    assert judged.flat == {"paper": True, "live": True}


@pytest.mark.parametrize(
    ("gone", "seconds"),
    [(f.NotRunning(login="live"), 5), (f.SilentAccept(login="live"), 120)],
    ids=["refused", "silent"],
)
def test_alone_it_is_given_up_by_the_time_the_decision_says(tmp_path: Path, gone: f.AnyFault, seconds: int) -> None:
    judged = rehearse(world(gone), tmp_path)
    assert judged.report.logins["live"].outcome is LoginOutcome.UNREACHABLE
    assert judged.report.logins["paper"].flat
    assert seconds - 0.1 <= judged.seconds <= seconds + 0.5


def test_a_tws_that_is_restarted_before_it_has_let_the_kill_in_is_waited_for(tmp_path: Path) -> None:
    restart = (f.SilentAccept(login="live", for_s=8), f.NotRunning(login="live", after_s=8, for_s=40))
    judged = rehearse(world(*restart), tmp_path)
    assert judged.flat == {"paper": True, "live": True}
    assert judged.seconds <= 48 + 2


def test_one_that_never_comes_up_does_not_keep_the_report_of_the_others(tmp_path: Path) -> None:
    slow = f.SlowFill(login="paper", seconds=30)
    alone = rehearse(world(slow), tmp_path / "a").seconds
    assert rehearse(world(slow, f.NotRunning(login="live")), tmp_path / "b").seconds <= alone + 0.5


@pytest.mark.parametrize("seconds", [5, 15, 100])
def test_a_login_that_is_slow_to_be_ready_is_stayed_with_and_killed(tmp_path: Path, seconds: int) -> None:
    judged = rehearse(world(f.SlowStart(login="live", seconds=seconds)), tmp_path)
    assert judged.report.flat, str(judged.report)
    assert judged.flat == {"paper": True, "live": True}
    assert judged.seconds <= seconds + 5


def test_a_login_that_is_not_ready_by_the_deadline_is_waited_for_until_then(tmp_path: Path) -> None:
    judged = rehearse(world(f.SlowStart(login="live", seconds=200)), tmp_path, deadline_s=60)
    assert judged.report.logins["live"].outcome is LoginOutcome.UNREACHABLE
    assert "not ready for client id" in judged.report.logins["live"].trouble
    assert 59.9 <= judged.seconds <= 62


@pytest.mark.parametrize("seconds", [12, 45, 115])
@pytest.mark.parametrize("stage", ["handshake", "start"])
def test_a_dialog_that_is_confirmed_late_is_waited_for_until_the_deadline(
    tmp_path: Path, stage: Literal["handshake", "start"], seconds: int
) -> None:
    late = f.SilentAccept(login="live", stage=stage, confirmed=True, for_s=seconds)
    judged = rehearse(world(late), tmp_path)
    assert judged.report.flat, str(judged.report)
    assert judged.flat == {"paper": True, "live": True}
    assert judged.seconds <= seconds + 1  # at once: on the connection that the dialog was shown for


@pytest.mark.parametrize("seconds", [13, 47, 104])
def test_a_tws_that_takes_new_connections_only_is_reached_by_one_of_them(tmp_path: Path, seconds: int) -> None:
    judged = rehearse(world(f.SilentAccept(login="live", for_s=seconds)), tmp_path)
    assert judged.flat == {"paper": True, "live": True}
    assert judged.seconds <= seconds + BESIDE_S + 1


@pytest.mark.parametrize("seconds", [13, 47, 100])
def test_a_tws_that_answers_and_lets_only_new_connections_in_is_reached_by_one_of_them(
    tmp_path: Path, seconds: int
) -> None:
    judged = rehearse(world(f.SilentAccept(login="live", stage="start", for_s=seconds)), tmp_path)
    assert judged.flat == {"paper": True, "live": True}
    assert judged.seconds <= seconds + OTHER_S + 1


@pytest.mark.parametrize(("lost", "seconds"), [(1, 3), (None, 9)], ids=["the first", "every one"])
def test_a_tws_that_names_no_order_number_is_asked_again_and_then_closed_by_numbers_of_ours(
    tmp_path: Path, lost: int | None, seconds: int
) -> None:
    judged = rehearse(world(f.DropReplies(login="live", replies=("NextValidId",), first=lost)), tmp_path)
    assert judged.report.flat, str(judged.report)
    assert judged.flat == {"paper": True, "live": True}
    assert judged.seconds <= seconds
    told = [note for note in judged.report.logins["live"].notes if "nextValidId" in note]
    assert len(told) == (lost is None)


def test_its_orders_are_cancelled_in_advance_where_tws_hears_that(tmp_path: Path) -> None:
    cancelled_s: list[float] = []

    def act(_manager: IBKRAccountManager, tws: World) -> None:
        pressed, loop = asyncio.get_running_loop().time(), asyncio.get_running_loop()

        def look() -> None:
            if tws.login("live").working():
                loop.call_later(0.05, look)
            else:
                cancelled_s.append(loop.time() - pressed)

        look()

    judged = rehearse(world(f.SlowStart(login="live", seconds=10, hears=True)), tmp_path, act=act)
    assert judged.report.flat
    assert cancelled_s[0] <= 0.5


def test_the_report_of_one_that_was_never_let_in_says_what_was_sent_in_advance(tmp_path: Path) -> None:
    judged = rehearse(world(f.SlowStart(login="live", seconds=200)), tmp_path, deadline_s=20)
    text = str(judged.report)
    assert "A global cancel was sent in advance" in text
    assert "Nothing was cancelled" not in text
    assert judged.report.logins["live"].timings.first_cancel_ms is None  # TWS may have dropped it

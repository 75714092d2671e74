"""The steps by hand are said while a login is still tried, once, and only where a hand is needed; and how it stands is
said when nothing else is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from cli.simulated import environment, qe, simulated
from cli.test_kill_command import unreachable
from engine.core.kill.report import TimelineEntry
from engine.simulator.virtual import VirtualLoop, run
from engine.trading.hand_needed import EARLY_S, QUIET_AGAIN_S, QUIET_S, HandNeeded
from engine.trading.kill_telling import Telling

DEADLINE_S = 120.0


def needed(*names: str) -> HandNeeded:
    return HandNeeded({name: f"port {7000 + number}" for number, name in enumerate(names)}, DEADLINE_S)


def hear(it: HandNeeded, name: str, *kinds: str) -> None:
    for kind in kinds:
        it.heard(name, TimelineEntry(1.0, kind, f"text of {kind}"))


def test_they_are_said_once_and_not_before_their_time() -> None:
    it = needed("live")
    hear(it, "live", "waiting")
    assert it.words(EARLY_S - 0.1) == ""
    said = it.words(EARLY_S)
    assert said.startswith("live NOT REACHED YET: TWS takes the connection and says nothing; tried until 120 s")
    assert "Global Cancel" in said and "1-877-442-2757" in said
    assert it.words(EARLY_S + 5) == ""


def test_what_would_let_the_kill_in_is_said_while_a_person_can_still_do_it() -> None:
    """The timeline leaves advice to the report, and that comes when the dialog has been open for two minutes."""
    dialog = "look for TWS's 'Accept incoming connection' dialog"
    it = needed("paper", "live")
    for name in ("paper", "live"):
        it.heard(name, TimelineEntry(0.5, "waiting", f"TWS accepts the connection but says nothing: {dialog}"))
    assert it.words(EARLY_S).endswith(f"So that the kill gets in at paper, live: {dialog}.")
    assert it.words(EARLY_S + 1) == ""
    it.heard("live", TimelineEntry(5000, "disconnected", "nothing listens there: start TWS"))
    assert it.words(EARLY_S + 3) == "So that the kill gets in at live: start TWS."
    it.heard("paper", TimelineEntry(6000, "connected", "connected"))
    it.heard("paper", TimelineEntry(7000, "disconnected", "it is lost: look at it"))
    assert it.words(EARLY_S + 9) == ""


def test_a_login_of_which_nothing_is_heard_at_all_needs_a_hand_too() -> None:
    it = needed("paper", "live")
    hear(it, "live", "connected")
    said = it.words(EARLY_S)
    assert said.startswith("paper NOT REACHED YET: no answer from TWS so far")
    assert "1. In the TWS of paper (port 7000): File > Global Cancel." in said


def test_a_login_that_was_reached_is_not_missing_though_it_was_lost_later() -> None:
    it = needed()
    hear(it, "live", "waiting", "connected", "disconnected")
    assert it.words(60) == ""


def test_of_a_login_that_refuses_orders_they_are_said_at_once() -> None:
    it = needed()
    hear(it, "paper", "connected", "read_only")
    said = it.words(0.4)
    assert said.startswith("paper REFUSES ORDERS AND CANCELS") and "untick" in said and "Global Cancel" in said
    assert it.words(0.5) == ""
    hear(it, "live", "read_only")
    hear(it, "paper", "read_only")
    assert it.words(0.6).startswith("live REFUSES")


def test_of_a_login_that_does_not_tell_its_orders_they_are_said_unless_it_refuses_them_too() -> None:
    it = needed()
    hear(it, "paper", "connected", "orders_unread")
    said = it.words(4.0)
    assert said.startswith("paper DOES NOT TELL ITS OPEN ORDERS") and "Global Cancel" in said
    hear(it, "live", "connected", "read_only")
    assert it.words(5.0).startswith("live REFUSES")
    hear(it, "live", "orders_unread")
    assert it.words(6.0) == ""


def test_two_logins_that_need_a_hand_for_two_reasons_have_the_steps_once() -> None:
    it = needed()
    hear(it, "paper", "read_only")
    hear(it, "live", "waiting")
    said = it.words(EARLY_S)
    assert "live NOT REACHED YET" in said and "paper REFUSES" in said and said.count("1-877-442-2757") == 1


# how it stands --------------------------------------------------------------------------------------------------------


def test_how_it_stands_is_said_soon_once_and_then_every_quarter_of_a_minute() -> None:
    it = needed("paper", "live")
    hear(it, "live", "connected")
    hear(it, "paper", "answering")
    assert it.quiet_words(6.0, QUIET_S - 0.1) == ""
    said = it.quiet_words(6.0, QUIET_S)
    assert said == (
        "   6.000 s  paper: TWS answers and has not let the kill in; live: still working; the report comes in 114 s "
        "at the latest"
    )
    assert it.quiet_words(12.0, QUIET_S + 1) == ""
    assert "in 99 s" in it.quiet_words(21.0, QUIET_AGAIN_S)


def test_what_a_login_that_answers_waits_for_is_no_silence() -> None:
    it = needed()
    hear(it, "paper", "answering", "waiting")
    assert "TWS answers and has not let the kill in" in it.quiet_words(9.0, 9.0)
    hear(it, "paper", "disconnected")
    assert "no connection, still trying" in it.quiet_words(30.0, 20.0)


def test_a_login_that_is_done_is_not_waited_for() -> None:
    it = needed("paper", "live")
    hear(it, "paper", "connected", "finished")
    assert "paper" not in it.quiet_words(9.0, 9.0)
    assert not it.waits and it.words(EARLY_S).startswith("live") and it.waits


# where a person ends it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "known"),
    [
        ((), "never reached (no answer from TWS so far); no cancel and no closing order was sent"),
        (("waiting",), "never reached (TWS takes the connection and says nothing); no cancel and no closing order was"),
        (("cancel_early",), "never reached; a global cancel was sent in advance, which TWS may have dropped"),
        (("cancel_sent",), "reached (text of cancel_sent); no closing order was seen to leave"),
        (("cancel_sent", "connected"), "reached (text of connected); no closing order was seen to leave"),
        (("connected", "close_sent"), "reached; 1 closing order was sent: what has not ended of that may still fill"),
        (
            ("connected", "close_sent", "close_sent"),
            "reached; 2 closing orders were sent: what has not ended of that may still fill",
        ),
        (("connected", "close_sent", "finished"), "its kill had ended: text of finished"),
    ],
)
def test_of_each_login_it_is_said_what_may_have_been_sent(kinds: tuple[str, ...], known: str) -> None:
    it = needed("paper")
    hear(it, "paper", *kinds)
    assert it.stopped_words()["paper"].startswith(known)


# a program that does not listen ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("terminal", [True, False])
def test_a_program_that_waits_for_a_silent_tws_is_told_early_and_every_quarter_of_a_minute(terminal: bool) -> None:
    said: list[str] = []
    steps: list[str] = []

    async def main(_loop: VirtualLoop) -> None:
        on_step = (lambda _name, step: steps.append(step.kind)) if terminal else None
        telling = Telling({"paper": "port 7497"}, DEADLINE_S, said.append, on_step)
        telling.heard("paper", TimelineEntry(1.0, "waiting", "it says nothing"))
        await asyncio.sleep(60)
        telling.end()
        await asyncio.sleep(60)

    run(main)
    assert "NOT REACHED YET" in said[0] and all("says nothing; the report comes in" in line for line in said[1:])
    assert len(said) in (4, 5) and len(set(said)) == len(said)
    assert steps == (["waiting"] if terminal else [])


def test_what_is_no_terminal_hears_nothing_of_a_kill_that_is_on_its_way() -> None:
    said: list[str] = []

    async def main(_loop: VirtualLoop) -> None:
        telling = Telling({"paper": "port 7497"}, DEADLINE_S, said.append, None)
        telling.heard("paper", TimelineEntry(1.0, "connected", "connected"))
        await asyncio.sleep(60)
        telling.end()

    run(main)
    assert said == []


SILENT = """
import asyncio, socket
from engine.core.kill.settings import SECOND, KillSettings
from engine.trading import IBKRAccountManager, TradingMode
from engine.trading.manager import ManagerSettings
listener = socket.create_server(("127.0.0.1", 0))
async def kill():
    mgr = IBKRAccountManager(settings=ManagerSettings(kill=KillSettings(deadline_ns=4 * SECOND)))
    mgr.add_account("paper", TradingMode.PAPER, port=listener.getsockname()[1])
    await mgr.kill_switch_all("EMERGENCY")
asyncio.run(kill())
"""


def test_in_a_pipe_a_program_says_what_to_do_by_hand_before_its_report(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SILENT], env=environment(tmp_path), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert done.stderr.startswith("paper NOT REACHED YET: no answer from TWS so far; tried until 4 s after the press")
    assert "File > Global Cancel" in done.stderr


# the command ----------------------------------------------------------------------------------------------------------


def test_the_command_says_it_while_it_still_tries(tmp_path: Path) -> None:
    with simulated("read-only", tmp_path) as world:
        world.config()
        done = qe("kill", "--deadline", "4", home=tmp_path)
    assert done.returncode == 1
    early, _, later = done.stderr.partition("live REFUSES ORDERS AND CANCELS")
    assert "  4.0" not in early and "residue" in later


def test_the_command_says_them_before_its_report_and_then_that_nothing_goes_on(tmp_path: Path) -> None:
    unreachable(tmp_path)
    done = qe("kill", home=tmp_path)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    early = next(number for number, line in enumerate(lines) if line.startswith("gone NOT REACHED YET"))
    ended = next(number for number, line in enumerate(lines) if line.endswith("unreachable"))
    assert early < ended
    assert "NOTHING GOES ON" in done.stdout


def test_while_a_watch_goes_on_the_report_says_so_and_the_one_at_its_end_does_not(tmp_path: Path) -> None:
    unreachable(tmp_path)
    done = qe("kill", "--deadline", "1", "--watch", "0.3", home=tmp_path)
    first, _, last = done.stdout.partition("\nkill ")
    assert "gone: this kill keeps trying for 0.3 s more" in first and "NOTHING GOES ON" not in first
    assert "NOTHING GOES ON" in last and "keeps trying for 0.3 s" not in last

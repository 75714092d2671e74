"""The steps by hand are said while a login is still tried, once, and only where a hand is needed."""

from __future__ import annotations

from pathlib import Path

from cli.simulated import qe, simulated
from cli.test_kill_command import unreachable
from engine.cli.hand_needed import EARLY_S, HandNeeded


def test_they_are_said_once_and_not_before_their_time() -> None:
    missing = HandNeeded()
    missing.heard("live", "waiting")
    assert missing.words(EARLY_S - 0.1) == ""
    said = missing.words(EARLY_S)
    assert said.startswith("live NOT REACHED YET") and "Global Cancel" in said and "1-877-442-2757" in said
    assert missing.words(EARLY_S + 5) == ""


def test_a_login_that_was_reached_is_not_missing_though_it_was_lost_later() -> None:
    missing = HandNeeded()
    for kind in ("waiting", "connected", "disconnected"):
        missing.heard("live", kind)
    assert missing.words(60) == ""


def test_of_a_login_that_refuses_orders_they_are_said_at_once() -> None:
    needed = HandNeeded()
    needed.heard("paper", "connected")
    needed.heard("paper", "read_only")
    said = needed.words(0.4)
    assert said.startswith("paper REFUSES ORDERS AND CANCELS") and "untick" in said and "Global Cancel" in said
    assert needed.words(0.5) == ""
    needed.heard("live", "read_only")
    needed.heard("paper", "read_only")
    assert needed.words(0.6).startswith("live REFUSES")


def test_of_a_login_that_does_not_tell_its_orders_they_are_said_unless_it_refuses_them_too() -> None:
    needed = HandNeeded()
    needed.heard("paper", "orders_unread")
    said = needed.words(4.0)
    assert said.startswith("paper DOES NOT TELL ITS OPEN ORDERS") and "Global Cancel" in said
    needed.heard("live", "read_only")
    assert needed.words(5.0).startswith("live REFUSES")
    needed.heard("live", "orders_unread")
    assert needed.words(6.0) == ""


def test_two_logins_that_need_a_hand_for_two_reasons_have_the_steps_once() -> None:
    needed = HandNeeded()
    needed.heard("paper", "read_only")
    needed.heard("live", "waiting")
    said = needed.words(EARLY_S)
    assert "live NOT REACHED YET" in said and "paper REFUSES" in said and said.count("1-877-442-2757") == 1


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

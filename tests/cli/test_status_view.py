"""The live view shows what is there, what is not known, and what is old, and never one for another."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from engine.cli import status_command
from engine.cli.commands import main
from engine.cli.status_view import view
from engine.core.restrictions import ONE, UNRESTRICTED, Cause, Kind, Restriction, Scope, State

LIMITS: dict[str, Any] = {
    "stale": False,
    "equity": "98000.00",
    "currency": "USD",
    "limits": [
        {"limit": "daily_loss", "used": "1.0", "left": "0", "acted": True, "unknown": ""},
        {"limit": "weekly_loss", "used": None, "left": None, "acted": False, "unknown": "why"},
    ],
}


def halted(reason: str) -> State:
    one = Restriction(
        id="x", scope=Scope("paper"), kind=Kind.HALT, cause=Cause.DAILY_LOSS, since_ns=0, actor="a", reason=reason
    )
    return State(Kind.HALT, ONE, (one,))


def login(**changes: Any) -> dict[str, Any]:
    return {
        "limits": LIMITS, "positions": 3, "orders": 2, "verified": "match", "killing": False, "waiting_for": "",
    } | changes  # fmt: skip


def drawn(
    states: dict[str, State], told: dict[str, Any] | None, width: int = 125, rows: int = 60, guard: str = "guard: x"
) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    drill, modes = "2026-03-01 (calm, passed)", dict.fromkeys(states, "paper")
    console.print(view(modes, states, told, Text(guard), drill=drill, columns=width, rows=rows))
    return console.export_text()


def told(**logins: dict[str, Any]) -> dict[str, Any]:
    return {"logins": logins, "engines": [], "alerts": {"standing": [], "failing": None, "waiting": 0}}


def test_a_login_that_may_trade_shows_its_equity_and_what_is_left_of_each_limit() -> None:
    text = drawn({"paper": UNRESTRICTED}, told(paper=login()))
    for part in (
        "MAY TRADE",
        "equity $98,000.00",
        "█" * 24,
        "$0.00 left",
        "week",
        "not known",
        "3 positions, 2 working",
    ):
        assert part in text
    assert "NOT NORMAL" not in text
    assert "last drill: 2026-03-01" in text


def test_positions_orders_and_the_connection_are_shown_as_far_as_there_is_room() -> None:
    few = login(
        position_list=[{"name": "ES", "quantity": "3"}, {"name": "MES", "quantity": "-5"}],
        order_list=[{"name": "ES", "action": "SELL", "remaining": "3", "order_type": "STP"}],
        connected_s=7_300,
    )
    text = drawn({"paper": UNRESTRICTED}, told(paper=few))
    for part in ("+3 ES, -5 MES", "SELL 3 ES STP", "connected for 2 h"):
        assert part in text
    many = login(position_list=[{"name": f"STOCK{number}", "quantity": "100"} for number in range(200)])
    text = drawn({"paper": UNRESTRICTED}, told(paper=many))
    lines = [line for line in text.splitlines() if "STOCK" in line or "more" in line]
    assert len(lines) == 2
    assert f"and {200 - text.count('STOCK')} more" in " ".join(text.replace("│", " ").replace("┃", " ").split())


def test_what_is_wrong_is_above_what_a_small_terminal_cuts_off_and_single_positions_are_left_out() -> None:
    states = {"paper": halted("2 % lost"), "live": UNRESTRICTED}
    held = login(position_list=[{"name": "ES", "quantity": "3"}], order_list=[], connected_s=5)
    data = told(paper=held, live=held)
    data["engines"] = [{"name": "b", "silent_s": 12}]
    data["alerts"]["standing"] = [{"title": "t1", "acknowledged": ""}]
    for width, rows in ((80, 24), (125, 24)):
        small = drawn(states, data, width, rows)
        seen = small.splitlines()[:rows]
        for part in ("NOT NORMAL", "guard: x", "engine b: SILENT", "! t1", "HALTED", "daily_loss: 2 % lost"):
            assert any(part in line for line in seen), part
        assert "+3 ES" not in small
    assert "+3 ES" in drawn(states, data, 80, 40)
    assert "+3 ES" in drawn(states, data, 125, 30)


def test_what_is_not_normal_cannot_be_overlooked() -> None:
    states = {"paper": halted("2 % lost"), "live": UNRESTRICTED}
    text = drawn(states, told(paper=login(killing=True), live=login(waiting_for="TWS: nothing listens")))
    assert "NOT NORMAL: paper HALTED " in text
    assert "daily_loss: 2 % lost" in text
    assert "A KILL IS UNDER WAY" in text
    assert "waiting for TWS: nothing listens" in text


def test_on_a_small_terminal_every_login_is_on_screen_whatever_goes_on() -> None:
    shut = State(Kind.SHUTDOWN, ONE, halted("a reason that is longer than a line of any terminal " * 3).standing)
    data = told(paper=login(killing=True), live=login(waiting_for="TWS: nothing listens " * 9))
    data["engines"] = [{"name": "b", "silent_s": 12}]
    data["alerts"]["standing"] = [{"title": f"t{number}", "acknowledged": ""} for number in range(20)]
    states = {"paper": shut, "live": shut}
    data["alerts"]["failing"] = "1. json: it was not taken: it did not answer in time, " * 3
    for width, rows in ((80, 24), (50, 24), (40, 30)):
        guard = "guard: DOES NOT SEE live (TWS: nothing listens there, start it and tick what is to be ticked) " * 3
        seen = drawn(states, data, width, rows, guard).splitlines()
        assert len(seen) <= rows
        assert max(map(len, seen)) <= width
        for part in ("A KILL IS UNDER WAY: paper", "paper (paper)", "live (paper)", "SHUT DOWN", "day", "$0.00 left"):
            assert any(part in line for line in seen), part
        assert [line for line in seen if line.startswith("! ")] == ["! t19", "! t18", "! t17"]
        assert any("waiting for TWS" in line for line in seen)


@pytest.mark.parametrize(("term", "terminal"), [("dumb", True), ("xterm", False)])
def test_a_terminal_that_cannot_be_drawn_upon_is_told_again_and_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, term: str, terminal: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status_command.time, "sleep", sleep)
    assert main(["status", "--watch"]) == 0
    told = capsys.readouterr().out
    assert told.count("Ctrl-C ends this view") == 3 and told.count("MAY TRADE") == 6
    assert "\x1b" not in told


def test_a_narrow_terminal_has_shorter_bars_and_no_broken_lines() -> None:
    lines = drawn({"paper": UNRESTRICTED}, told(paper=login()), width=40).splitlines()
    assert any("█ $0.00 left" in line and line.startswith("│ day") for line in lines)


def test_unknown_is_neither_zero_nor_the_last_that_was_known() -> None:
    unknown = login(positions=None, orders=None, limits=LIMITS | {"stale": True})
    text = drawn({"paper": UNRESTRICTED}, told(paper=unknown))
    assert "? positions, ? working orders" in text
    assert "equity is not known now" in text
    alone = drawn({"paper": UNRESTRICTED}, None)
    assert "no guard runs: equity and positions are not known here" in alone
    assert "equity $" not in alone


def test_silent_engines_and_alerts_that_nobody_has_seen_are_shown() -> None:
    data = told(paper=login())
    data["engines"] = [{"name": "a", "silent_s": 0.5}, {"name": "b", "silent_s": 12}]
    data["alerts"] = {
        "standing": [{"title": "t1", "acknowledged": ""}, {"title": "t2", "acknowledged": "ann"}],
        "failing": "no route",
        "waiting": 0,
    }
    text = drawn({"paper": UNRESTRICTED}, data)
    assert "engine a: alive" in text
    assert "engine b: SILENT for 12 s" in text
    assert "! t1" in text
    assert "! t2" not in text
    assert "alerts cannot be sent: no route" in text


def test_a_narrow_terminal_has_the_logins_below_each_other() -> None:
    text = drawn({"paper": UNRESTRICTED, "live": UNRESTRICTED}, told(paper=login(), live=login()), width=70)
    assert text.index("paper (paper)") < text.index("live (paper)")
    assert max(map(len, text.splitlines())) <= 70


def test_smaller_sizes_are_said() -> None:
    one = Restriction(
        id="x", scope=Scope("paper"), kind=Kind.SIZE_FACTOR, cause=Cause.WEEKLY_LOSS, since_ns=0, actor="a",
        reason="5 % lost", size_factor=Decimal("0.5"),
    )  # fmt: skip
    text = drawn({"paper": State(Kind.SIZE_FACTOR, Decimal("0.5"), (one,))}, told(paper=login()))
    assert "size × 0.5" in text
    assert "NOT NORMAL" not in text


@pytest.mark.parametrize(
    ("verdict", "words"),
    [(None, "not verified yet"), ("match", "match"), ("different", "DIFFERENT"), ("unbegun", "not begun yet")],
)
def test_what_the_last_verification_found_is_told_in_words(verdict: str | None, words: str) -> None:
    text = drawn({"paper": UNRESTRICTED}, told(paper=login(verified=verdict)))
    assert f"records: {words}" in " ".join(text.replace("│", " ").split())


def test_a_limit_that_a_person_set_aside_is_named_with_that_person() -> None:
    aside = {"actor": "ann", "at_ns": 1, "reason": "a hedge"}
    rows = [{**LIMITS["limits"][0], "override": aside}]
    assert "OVERRIDDEN" not in drawn({"paper": UNRESTRICTED}, told(paper=login()))
    assert "OVERRIDDEN by ann" in drawn({"paper": UNRESTRICTED}, told(paper=login(limits={**LIMITS, "limits": rows})))

"""`qe limits` and `qe cashflow` as an operator types them."""

from __future__ import annotations

import json
import os
import re
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.broker.lock_names import login_key
from engine.cli import status_command
from engine.cli.commands import main
from engine.cli.limits_command import BAR_WIDTH, bar, crossed, percent
from engine.core.known import Unknown
from engine.core.limit_rules import Action, Limit
from engine.core.limit_views import LimitView
from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal.events import (
    AnyEvent,
    BaselineSet,
    CashFlow,
    JumpSuspected,
    Lifted,
    LimitBreached,
    LimitsTaken,
    Restricted,
)
from engine.journal.journal import Journal, open_journal
from engine.journal.loss_records import books_of
from engine.journal.telling import moment
from engine.trading.rules import open_rules

PAPER = Scope("paper", login_key("127.0.0.1", 7497))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def journal(*events: AnyEvent) -> Journal:
    made = open_journal(Path(os.environ["QE_HOME"]) / "journal", actor="test")
    if events:
        made.append(*events)
    return made


def peak(equity: int) -> BaselineSet:
    return BaselineSet(
        scope=PAPER, period="peak", period_id="first", equity=Decimal(equity), currency="USD", as_of_ns=time.time_ns()
    )


def test_what_is_not_known_has_a_reason_and_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["limits", "show", "paper"]) == 0
    told = capsys.readouterr().out
    assert told.count("not known") == 5
    assert "█" not in told
    assert "░" not in told


def test_a_reason_is_told_once_for_a_login_and_a_trouble_of_the_journal_once_for_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["limits", "show"]) == 0
    told = capsys.readouterr().out
    assert told.count("no equity of this login was ever written down") == 2
    assert told.count("not known") == 10
    folder = Path(os.environ["QE_HOME"]) / "journal"
    for path in folder.iterdir():
        path.unlink()
    (folder / "journal.db").write_bytes(b"no journal at all" * 1000)
    assert main(["limits", "show"]) != 0
    told = capsys.readouterr().out
    assert told.count("it is damaged, or no journal") == 1
    assert told.count("To do: ") == 1
    assert told.count("not known") == 10


def test_each_limit_shows_how_much_is_used_and_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    journal(peak(100_000))
    assert main(["limits", "show", "paper"]) == 0
    told = capsys.readouterr().out
    assert "equity $100,000.00, 0 min ago by the records: no guard knows it now" in told
    assert "circuit breaker   15 %" in told.replace("15.0", "15")
    assert "0% used, $15,000.00 left" in told
    main(["limits", "show", "--json"])
    data = json.loads(capsys.readouterr().out)
    (breaker,) = [one for one in data["paper"]["limits"] if one["limit"] == "circuit_breaker"]
    assert Decimal(breaker["left"]) == 15_000
    assert data["live"]["equity"] is None
    assert data["paper"]["stale"]


def crossed_breaker() -> Journal:
    breach = LimitBreached(
        scope=PAPER, limit="circuit_breaker", baseline=Decimal(100_000), net_deposits=Decimal(0),
        equity=Decimal(80_000), currency="USD", loss_pct=Decimal(20), limit_pct=Decimal(15), period_id="first",
    )  # fmt: skip
    stop = Restriction(
        id="b1", scope=PAPER, kind=Kind.SHUTDOWN, cause=Cause.CIRCUIT_BREAKER, since_ns=1, actor="test", reason="x"
    )
    return journal(peak(100_000), breach, Restricted(restriction=stop))


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["limits", "show", "paper"]) == 0
    return capsys.readouterr().out


def test_a_crossed_limit_that_binds_is_told_with_what_it_imposes(capsys: pytest.CaptureFixture[str]) -> None:
    crossed_breaker()
    told = shown(capsys)
    assert "CROSSED: shutdown until it is lifted" in told
    assert "OVERRIDDEN" not in told


def test_a_crossed_limit_that_was_overridden_is_told_with_who_when_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    made = crossed_breaker()
    made.append(Lifted(restriction_id="b1", scope=PAPER, reason="a hedge", override=True), actor="qe resume (ann)")
    told = shown(capsys)
    assert f"OVERRIDDEN by qe resume (ann), {time.strftime('%Y-%m-%d')}" in told
    assert ": a hedge" in told
    assert "what was set aside: shutdown (until it is lifted); not acted on again until a reset" in told
    assert "CROSSED" not in told
    main(["limits", "show", "paper", "--json"])
    (breaker,) = [one for one in json.loads(capsys.readouterr().out)["paper"]["limits"] if one["override"]]
    assert (breaker["override"]["actor"], breaker["override"]["reason"]) == ("qe resume (ann)", "a hedge")


def test_a_crossed_limit_whose_halt_ended_otherwise_is_not_called_overridden(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = crossed_breaker()
    made.append(Lifted(restriction_id="b1", scope=PAPER, reason="reset"))
    told = shown(capsys)
    assert "crossed earlier; what it imposed is over; not acted on again until a reset" in told
    assert "OVERRIDDEN" not in told


def test_a_limit_that_only_alerts_says_so_when_it_is_crossed() -> None:
    at_ns = 1_773_264_000 * 10**9
    one = LimitView(limit=Limit.DAILY, action=Action.ALERT, limit_pct=Decimal(2), acted=True, until_ns=at_ns)
    assert crossed(one) == f"CROSSED: alert only; not acted on again before {moment(at_ns, None)[:16]}"
    stop = Restriction(
        id="r", scope=PAPER, kind=Kind.SIZE_FACTOR, cause=Cause.WEEKLY_LOSS, since_ns=1, until_ns=at_ns, actor="a",
        reason="x", size_factor=Decimal("0.5"),
    )  # fmt: skip
    smaller = msgspec.structs.replace(one, action=Action.REDUCE_SIZE, restriction=stop)
    assert crossed(smaller) == f"CROSSED: size factor × 0.5 until {moment(at_ns, None)[:16]}"


@pytest.mark.parametrize(("used", "filled"), [("0", 0), ("0.5", 12), ("0.999", 23), ("1", 24), ("3", 24)])
def test_a_bar_is_full_when_the_limit_is_crossed_and_never_before(used: str, filled: int) -> None:
    assert bar(Decimal(used)) == "█" * filled + "░" * (BAR_WIDTH - filled)


@pytest.mark.parametrize(
    ("used", "said"), [("0", "0%"), ("0.5", "50%"), ("0.999995", "99%"), ("1", "100%"), ("3", "300%"), ("99", "900%")]
)
def test_a_limit_is_called_used_up_when_it_is_crossed_and_never_before(used: str, said: str) -> None:
    assert percent(Decimal(used)) == said


def test_tighter_holds_at_once_looser_from_the_next_trading_day_with_a_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["limits", "set", "paper", "daily_loss_pct", "1.5"]) == 0
    assert "daily_loss_pct 2 → 1.5, at once" in capsys.readouterr().out
    assert main(["limits", "set", "paper", "daily_loss_pct", "3"]) == 1
    assert "no reason was given" in capsys.readouterr().err
    assert main(["limits", "set", "paper", "daily_loss_pct", "3", "--reason", "a wider market"]) == 0
    assert "1.5 → 3, from the next trading day" in capsys.readouterr().out
    assert main(["limits", "set", "paper", "daily_loss_pct", "1.5"]) == 0  # what was to come does not
    main(["limits", "show", "paper"])
    told = capsys.readouterr().out
    assert "1.5 %" in told
    assert "becomes 3" not in told
    main(["limits", "history", "paper"])
    history = capsys.readouterr().out.splitlines()
    assert "daily_loss_pct 1.5 → 3, from" in history[-2] and history[-2].endswith("(qe limits): a wider market")
    assert ", by " in history[-2] and history[-1].endswith("(qe limits)")  # no reason was asked for
    main(["limits", "history", "live"])
    assert "no change is on record" in capsys.readouterr().out


def test_an_empty_list_is_shown_as_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["limits", "set", "paper", "holidays", "2026-12-25"]) == 1
    assert "holidays would be looser than (none), and no reason" in capsys.readouterr().err
    assert main(["limits", "set", "paper", "holidays", ""]) == 1
    assert "holidays is (none) already" in capsys.readouterr().err
    assert main(["limits", "set", "paper", "holidays", "2026-12-25", "--reason", "Christmas"]) == 0
    assert "paper: holidays (none) → 2026-12-25, from the next" in capsys.readouterr().out
    main(["limits", "history", "paper"])
    assert "holidays (none) → 2026-12-25, from" in capsys.readouterr().out


def test_what_limits_were_first_used_with_is_told_once_and_not_as_changes(capsys: pytest.CaptureFixture[str]) -> None:
    journal(LimitsTaken(scope=PAPER, values=(("daily_loss_pct", "2"), ("holidays", ""))))
    main(["limits", "history", "paper"])
    first, then = capsys.readouterr().out.splitlines()
    assert first == "paper: no change is on record"
    assert "first used with daily_loss_pct 2, holidays (none), by " in then


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("daily_los_pct", "1", "There is no limit"),
        ("daily_loss_pct", "nan", "cannot be 'nan': expected a number above 0."),
        ("daily_loss_pct", "inf", "cannot be 'inf': expected a number of at most 100."),
        ("daily_loss_pct", "much", "cannot be 'much': expected a number."),
        ("daily_loss_pct", "1e999999", "cannot be '1e999999': expected a number that is not so large."),
        ("daily_loss_pct", "-1", "cannot be '-1'"),
        ("daily_action", "pray", 'cannot be \'pray\': expected "alert" or "reduce_size"'),
        ("rollover", "25:00", "cannot be '25:00': expected a time of the day, such as \"17:00\"."),
        ("holidays", "soon", "cannot be 'soon': expected days, such as 2026-12-25."),
        ("time_zone", "Mars/Olympus", "cannot be 'Mars/Olympus'"),
        ("daily_loss_pct", "2", "is 2 already"),
    ],
)
def test_what_is_no_value_changes_nothing(key: str, value: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["limits", "set", "paper", key, value, "--reason", "x"]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert "Every limit stands as it did" in error
    assert not any(word in error for word in ("`", "$.", "regex", "RFC", "enum")), "a library's words"


def test_money_in_and_out_is_recorded_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cashflow", "paper", "10000", "--reason", "savings", "--shows"]) == 1
    assert "base currency" in capsys.readouterr().err
    journal(peak(100_000))
    assert main(["cashflow", "paper", "-2500.50", "--reason", "rent", "--shows"]) == 0
    assert "$2,500.50 went out of paper: it counts at once" in capsys.readouterr().out
    assert main(["cashflow", "paper", "10000", "--reason", "savings", "--announced"]) == 0
    state = journal().state()
    flows = [record.event for record in getattr(state, "cash_flows", ())]
    assert [(one.amount, one.announced) for one in flows if isinstance(one, CashFlow)] == [
        (Decimal("-2500.50"), False),
        (Decimal(10_000), True),
    ]
    for text in ("much", "nan", "inf"):
        assert main(["cashflow", "paper", text, "--reason", "x", "--shows"]) == 64
        assert f"{text!r} is no amount, such as 10000" in capsys.readouterr().err
    for words in (["0"], ["100", "--currency", "EURO"], ["100", "--currency", "€"]):
        assert main(["cashflow", "paper", *words, "--reason", "x", "--shows"]) == 1
        assert "Decimal" not in capsys.readouterr().err
    assert main(["cashflow", "nobody", "1", "--reason", "x", "--shows"]) == 64


def test_money_in_another_currency_than_the_losses_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A million yen, counted as a million dollars, is a loss that pulls the kill switch."""
    journal(peak(100_000))
    assert main(["cashflow", "paper", "1000000", "--currency", "JPY", "--reason", "x", "--shows"]) == 1
    told = capsys.readouterr().err
    assert "The losses of paper are counted in USD, and 1000000 JPY is no amount of that. Nothing was recorded." in told
    assert "Give the amount in USD: by how much it moves the net liquidation that TWS shows" in told
    assert getattr(journal().state(), "cash_flows", None) == ()
    assert main(["cashflow", "paper", "6500", "--currency", "usd", "--reason", "x", "--shows"]) == 0


def test_a_fall_that_nothing_explained_is_settled_as_a_loss(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["limits", "settle", "paper", "--reason", "x"]) == 1
    assert "No fall of paper's equity waits for an explanation. Nothing was recorded." in capsys.readouterr().err
    now_ns = time.time_ns()
    fall = JumpSuspected(scope=PAPER, before=Decimal(100_000), after=Decimal(98_000), currency="USD", seen_ns=now_ns)
    rise = JumpSuspected(scope=PAPER, before=Decimal(98_000), after=Decimal(99_000), currency="USD", seen_ns=now_ns + 1)
    journal(peak(100_000), fall, rise)
    assert main(["limits", "settle", "paper", "--reason", " "]) == 1
    assert "No reason was given" in capsys.readouterr().err
    assert main(["limits", "settle", "paper", "--reason", "an option was assigned"]) == 0
    assert "paper: the $2,000.00 that equity fell by on " in capsys.readouterr().out
    state = journal().state()
    assert not isinstance(state, Unknown)
    assert [jump.amount for jump in books_of(state, PAPER).jumps] == [1_000], "a rise stays money that came in"
    assert main(["limits", "settle", "paper", "--reason", "x"]) == 1, "once is enough"
    assert main(["limits", "settle", "nobody", "--reason", "x"]) == 64


def test_losses_count_anew_in_another_base_currency_and_for_no_other_reason(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["limits", "rebase", "paper", "--currency", "EUR", "--reason"]
    assert main([*words, "moved to Ireland"]) == 1
    assert "are not counted from anything yet, and it is not halted as blind" in capsys.readouterr().err
    journal(peak(100_000))
    assert main([*words, "a bad day"]) == 1, "who is not blind would only forget a loss"
    assert "are counted in USD, and it is not halted as blind. Nothing was recorded." in capsys.readouterr().err
    open_rules(Path(os.environ["QE_HOME"]), actor="guard").halt(PAPER, "equity is in EUR", cause=Cause.BLIND)
    assert main(["limits", "rebase", "paper", "--currency", "usd", "--reason", "x"]) == 1
    assert "are counted in USD, and it is halted as blind" in capsys.readouterr().err
    assert main(["limits", "rebase", "paper", "--currency", "€", "--reason", "x"]) == 1
    assert main([*words, " "]) == 1
    state = journal().state()
    assert not isinstance(state, Unknown)
    assert books_of(state, PAPER).baselines
    assert main([*words, "moved to Ireland"]) == 0
    assert "paper: what was lost in USD counts no longer" in capsys.readouterr().out
    state = journal().state()
    assert not isinstance(state, Unknown)
    assert not books_of(state, PAPER).baselines
    assert main(["limits", "rebase", "nobody", "--currency", "EUR", "--reason", "x"]) == 64


def test_a_faulty_file_is_named_and_nothing_is_shown_for_true(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "quant-engine.toml").write_text("[limits]\ndaily_loss_pct = 200\n")
    assert main(["limits", "show"]) == 2
    assert "daily_loss_pct" in capsys.readouterr().err


def test_status_says_whether_a_guard_watches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["status"])
    assert "guard: none is running" in capsys.readouterr().out
    home = Path(os.environ["QE_HOME"])
    monkeypatch.setattr(status_command, "runs", lambda pid: pid != 7)
    (home / "guard.json").write_text('{"pid": 7, "since_ns": 0, "logins": ["paper", "live"]}')
    main(["status"])
    assert "guard: HAS DIED (process 7 is gone): start it anew" in capsys.readouterr().out
    (home / "guard.json").write_text(f'{{"pid": {os.getpid()}, "since_ns": 0, "logins": ["paper", "live"]}}')
    main(["status"])
    assert f"guard: lives (process {os.getpid()}) and cannot be asked what it sees" in capsys.readouterr().out
    os.utime(home / "guard.json", (time.time() - 60, time.time() - 60))
    main(["status"])
    silent = re.search(r"guard: SILENT for (\d+) s", capsys.readouterr().out)
    assert silent is not None and 60 <= int(silent[1]) < 70  # a real clock: the command takes a moment itself
    main(["status", "--json"])
    assert json.loads(capsys.readouterr().out)["guard"]["fresh"] is False


def test_a_guard_that_waits_for_a_tws_does_not_watch_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it waits for is what nobody sees."""
    home = Path(os.environ["QE_HOME"])
    home.mkdir(exist_ok=True)
    (home / "guard.json").write_text('{"pid": 7, "since_ns": 0, "logins": ["paper", "live"]}')
    calm: dict[str, Any] = {"waiting_for": "", "killing": False}
    logins = {"paper": calm, "live": {**calm, "waiting_for": "TWS: nothing listens"}}
    monkeypatch.setattr(status_command, "ask", lambda *_args, **_more: {"logins": logins})
    main(["status"])
    assert "guard: DOES NOT SEE live (TWS: nothing listens)" in capsys.readouterr().out
    brief = status_command._guard(time.time_ns(), brief=True).plain  # in the live view the login says what it waits for
    assert brief == "guard: DOES NOT SEE live: nobody watches there (process 7)"
    logins["paper"] = {"waiting_for": "positions: a kill is using this connection", "killing": True}
    main(["status"])
    told = capsys.readouterr().out
    assert "guard: A KILL IS UNDER WAY on paper; DOES NOT SEE live (TWS: nothing listens): nobody watches" in told
    assert "a kill is using this connection" not in told
    logins |= {"paper": calm, "live": calm}
    main(["status"])
    assert "guard: watches paper, live (process 7)" in capsys.readouterr().out

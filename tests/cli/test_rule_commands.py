"""`qe status`, `qe halt`, `qe resume`, `qe reset` as an operator types them."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.broker.lock_names import login_key
from engine.cli.commands import main
from engine.cli.status_command import _ago
from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal.events import (
    AnyEvent,
    IncidentClosed,
    IncidentOpened,
    KillEnded,
    KillPressed,
    OrdersSwept,
    Restricted,
    Verified,
)
from engine.journal.journal import Journal, open_journal
from engine.journal.sqlite_store import SqliteStore
from engine.journal.state import JournalState
from engine.journal.trouble import Code, JournalError, Trouble
from engine.trading import IBKRAccountManager, TradingMode

PAPER = Scope("paper", login_key("127.0.0.1", 7497))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a configuration file."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def journal() -> Journal:
    return open_journal(Path(os.environ["QE_HOME"]) / "journal", actor="test")


def restrict(kind: Kind, cause: Cause, factor: str = "1") -> None:
    one = Restriction(
        id=f"{cause.value}-1",
        scope=PAPER,
        kind=kind,
        cause=cause,
        since_ns=1,
        actor="test",
        reason="a test",
        size_factor=Decimal(factor),
    )
    journal().append(Restricted(restriction=one))


def standing() -> tuple[Restriction, ...]:
    state = journal().state()
    assert isinstance(state, JournalState)
    return state.restrictions


def state_of(name: str, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    capsys.readouterr()
    main(["status", "--json"])
    found: dict[str, object] = json.loads(capsys.readouterr().out)["logins"][name]
    return found


def test_how_long_ago_is_told_for_any_clock() -> None:
    second = 1_000_000_000
    assert _ago(0) == _ago(-5) == "0 s ago", "two readings within one moment"
    assert _ago(7200 * second) == "2 h ago"
    assert _ago(-7200 * second) == "2 h ahead of this machine's clock, which has been set back since"


def test_a_journal_that_cannot_be_used_is_told_once_for_all_logins(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["halt", "paper", "--reason", "x"]) == 0
    (Path(os.environ["QE_HOME"]) / "journal" / "journal.db").unlink()
    capsys.readouterr()
    assert main(["status"]) == 2
    told = capsys.readouterr().out
    assert told.count("was there and is gone") == 1
    assert told.count("To do: put the file back") == 1
    assert told.count("the journal cannot be used, see below") == 2
    assert told.count("until the journal can be used again, by journal") == 2


def killed(kill_id: str, reason: str) -> tuple[AnyEvent, ...]:
    shutdown = Restriction(
        id=f"{kill_id}-paper",
        scope=Scope("paper"),
        kind=Kind.SHUTDOWN,
        cause=Cause.KILL_SWITCH,
        since_ns=0,
        actor="ann",
        reason=reason,
    )
    return (KillPressed(kill_id=kill_id, scopes=(Scope("paper"),), reason=reason), Restricted(restriction=shutdown))


def test_a_stop_that_waits_to_be_written_down_is_shown(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["halt", "live", "--reason", "before"]) == 0
    file = Path(os.environ["QE_HOME"]) / "journal" / "journal.db"
    file.rename(file.with_name("aside"))
    assert main(["halt", "paper", "--reason", "behind"]) == 1
    for _ in range(2):  # its end names the shutdowns once more
        assert journal().keep(*killed("k1", "in the dark")).records is None
    capsys.readouterr()
    assert main(["status"]) == 2
    told = capsys.readouterr().out
    assert told.count("Not written down yet: ") == 3
    assert "restricted  paper: halt by manual: behind  [" in told
    assert "kill pressed  paper, kill_id" in told and "restricted  paper: shutdown by kill_switch: in the dark" in told
    assert main(["status", "--json"]) == 2
    assert len(json.loads(capsys.readouterr().out)["journal"]["waiting_stops"]) == 3
    file.with_name("aside").rename(file)
    assert main(["status"]) == 1
    told = capsys.readouterr().out
    assert "Not written down yet" not in told and "SHUT DOWN" in told
    assert "A KILL WAS PRESSED" in told, "what was taken in just now is shown"


def test_a_halt_of_the_command_line_binds_every_program_and_a_resume_ends_it(elsewhere: Path) -> None:
    program = IBKRAccountManager()
    program.add_account("paper", TradingMode.PAPER)
    assert program.state("paper").may_add_risk
    assert main(["halt", "paper", "--reason", "going home"]) == 0
    assert program.state("paper").standing[0].reason == "going home"
    assert main(["status"]) == 1
    assert main(["resume", "paper"]) == 0
    assert program.state("paper").may_add_risk
    assert main(["status"]) == 0


def test_a_program_that_calls_the_login_by_another_name_is_halted_too(elsewhere: Path) -> None:
    program = IBKRAccountManager()
    program.add_account("my strategy", TradingMode.PAPER)
    main(["halt", "paper"])
    assert not program.state("my strategy").may_add_risk


def test_all_is_every_login_and_nothing_named_is_a_usage_error(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["halt"], ["halt", "paper", "--all"], ["resume"], ["reset", "--reason", "x"]):
        assert main(command) == 64
    assert "name the logins, or say --all" in capsys.readouterr().err
    assert main(["status"]) == 0
    assert main(["halt", "--all"]) == 0
    assert [state_of(name, capsys)["state"] for name in ("paper", "live")] == ["halt", "halt"]
    assert main(["resume", "--all"]) == 0
    assert main(["status"]) == 0


def test_a_halt_can_ask_for_what_adds_risk_to_be_cancelled(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["halt", "paper", "--cancel", "risk_adding"]) == 0
    assert "protective ones stay" in capsys.readouterr().out
    standing = state_of("paper", capsys)["standing"]
    assert isinstance(standing, list)
    assert standing[0]["cancel"] is True
    assert main(["halt", "live"]) == 0
    assert main(["halt", "paper"]) == 0  # the stronger one stands already
    standing = state_of("paper", capsys)["standing"]
    assert isinstance(standing, list)
    assert len(standing) == 1


def test_what_a_halt_that_cancels_came_to_is_shown_by_status(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["halt", "paper", "--cancel", "risk_adding"]) == 0
    assert main(["status", "paper"]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "no connected program has said yet that it cancelled what adds risk" in told
    assert "nobody does: see TWS for what works, or start qe guard run" in told
    (halt,) = standing()
    seven = OrdersSwept(
        scope=PAPER,
        restrictions=(halt.id,),
        client_id=7,
        cancelled=("BUY 2 AAPL", "BUY 2 MSFT"),
        left=((0, "BUY 1 IBM"), (8, "SELL 3 ESH6"), (9, "BUY 5 GC")),
    )
    eight = OrdersSwept(scope=PAPER, restrictions=(halt.id,), client_id=8, cancelled=(), why="no link")
    journal().append(seven, eight)
    assert main(["status", "paper"]) == 1
    told = capsys.readouterr().out
    assert "client 7 cancelled BUY 2 AAPL, BUY 2 MSFT" in told
    assert "STILL WORKING: BUY 1 IBM typed into TWS: cancel it in TWS" in told
    assert "STILL WORKING: BUY 5 GC of client 9: cancel it in TWS" in told
    assert "client 8 does not know what still works: no link" in told
    assert "ESH6" not in told, "client 8 has answered for its own orders"
    assert "no connected program" not in told
    swept = state_of("paper", capsys)["swept"]
    assert isinstance(swept, dict)
    assert [one["client_id"] for one in swept[halt.id]] == [7, 8]
    nine = msgspec.structs.replace(seven, client_id=90, cancelled=(), left=((0, "BUY 1 IBM"),), gone=((9, "BUY 5 GC"),))
    journal().append(nine)
    assert main(["status", "paper"]) == 1
    told = capsys.readouterr().out
    assert "STILL WORKING: BUY 1 IBM typed into TWS" in told
    assert "gone since: BUY 5 GC of client 9" in told
    assert told.count("GC") == 1, "an older answer of somebody else does not say that it works still"
    journal().append(msgspec.structs.replace(nine, client_id=91, left=(), gone=(), why="no link"))
    assert main(["status", "paper"]) == 1
    assert "STILL WORKING: BUY 1 IBM" in capsys.readouterr().out, "who knows nothing takes nobody's word away"
    assert main(["resume", "paper"]) == 0
    assert main(["halt", "paper", "--cancel", "risk_adding"]) == 0
    (anew,) = standing()
    capsys.readouterr()
    journal().append(msgspec.structs.replace(eight, restrictions=(anew.id,), why=""))
    assert main(["status", "paper"]) == 1
    told = capsys.readouterr().out
    assert "no order that adds risk was working" in told
    assert "AAPL" not in told


def test_a_halt_of_a_login_that_is_halted_shows_the_reason_that_stands_and_records_the_new_one(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["halt", "paper", "--reason", "the first"]) == 0
    assert "halted already" not in capsys.readouterr().out
    assert main(["halt", "paper", "--reason", "the second"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("paper: halt (manual): the second\n  it was halted already: the first (")
    assert main(["halt", "paper", "--reason", "the first"]) == 0
    assert "halted already" not in capsys.readouterr().out
    standing = state_of("paper", capsys)["standing"]
    assert isinstance(standing, list)
    assert [one["reason"] for one in standing] == ["the first", "the second"]
    assert main(["resume", "paper"]) == 0


def test_a_name_that_does_not_exist_halts_nothing_and_says_which_do(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["halt", "papre"]) == 64
    assert "there is no login 'papre'; there are: paper, live" in capsys.readouterr().err
    assert main(["status"]) == 0


def test_a_faulty_configuration_stops_no_halt(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (elsewhere / "quant-engine.toml").write_text('[logins.swing]\nmode = "paper"\nport = "seven"\n')
    assert main(["halt", "swing"]) == 1  # it binds, and something is wrong
    captured = capsys.readouterr()
    assert "the configuration has a fault" in captured.err
    assert "swing: halt (manual)" in captured.out
    assert main(["halt", "whatever it is called"]) == 1
    program = IBKRAccountManager()
    program.add_account("whatever it is called", TradingMode.PAPER, port=1234)
    assert Cause.MANUAL in causes(program, "whatever it is called")
    assert main(["resume", "nobody"]) == 64
    assert "may name more" in capsys.readouterr().err
    assert main(["resume", "whatever it is called"]) == 0  # what was halted can be resumed
    assert causes(program, "whatever it is called") == [Cause.CONFIGURATION], "which holds a program until it is mended"


def causes(program: IBKRAccountManager, name: str) -> list[Cause]:
    return [one.cause for one in program.state(name).standing]


def test_all_with_a_faulty_configuration_is_every_login_of_the_machine(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody knows which logins the file meant: none of them may add risk."""
    (elsewhere / "quant-engine.toml").write_text('[logins.fund]\nmode = "paper"\nclient_id = \n')
    assert main(["halt", "--all"]) == 1
    assert "on any login" in capsys.readouterr().out
    program = IBKRAccountManager()
    for name, port in (("fund", 27497), ("another", 27498)):
        program.add_account(name, TradingMode.PAPER, port=port)
        assert Cause.CONFIGURATION in causes(program, name) and len(causes(program, name)) == 2
        program.resume_trading(name)
        assert causes(program, name) == [Cause.CONFIGURATION]


def test_a_kill_that_was_begun_and_never_ended_is_said(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal().append(KillPressed(kill_id="k1", scopes=(PAPER,), reason="EMERGENCY"))
    main(["status", "paper"])
    assert "A KILL WAS PRESSED 0 s ago AND HAS NOT ENDED" in capsys.readouterr().out
    journal().append(KillEnded(kill_id="k1", scopes=(PAPER,), flat=True, report=msgspec.Raw(b"{}")))
    main(["status", "paper"])
    assert "HAS NOT ENDED" not in capsys.readouterr().out


def test_a_kill_that_died_is_no_longer_said_once_a_later_one_has_ended_flat(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("dead", "again"):
        journal().append(KillPressed(kill_id=name, scopes=(PAPER,), reason="EMERGENCY"))
    journal().append(KillEnded(kill_id="again", scopes=(PAPER,), flat=True, report=msgspec.Raw(b"{}")))
    main(["status", "paper"])
    assert "HAS NOT ENDED" not in capsys.readouterr().out


def test_a_resume_that_is_refused_says_everything_that_is_in_the_way(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    restrict(Kind.HALT, Cause.DAILY_LOSS)
    restrict(Kind.SHUTDOWN, Cause.KILL_SWITCH)
    assert main(["resume", "paper"]) == 1
    told = capsys.readouterr().err
    assert "1. its positions have not been verified since it was stopped\n     to clear: qe verify paper\n" in told
    assert "it was shut down by kill_switch: a test\n     to clear: qe reset paper --reason TEXT\n" in told
    assert "the limit daily_loss holds it" in told
    assert state_of("paper", capsys)["state"] == "shutdown"


def test_a_limit_is_set_aside_only_with_override_and_a_reason(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    restrict(Kind.HALT, Cause.DAILY_LOSS)
    assert main(["resume", "paper", "--override"]) == 1
    assert "without a reason" in capsys.readouterr().err
    assert main(["resume", "paper", "--override", "--reason", "a hedge that the limit does not see"]) == 0
    assert state_of("paper", capsys)["state"] is None


def test_the_way_back_after_a_kill_is_verified_closed_reset_and_armed(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    restrict(Kind.SHUTDOWN, Cause.KILL_SWITCH)
    journal().append(IncidentOpened(incident_id="i1", scope=PAPER, trigger="kill switch", what="pressed"))
    assert main(["reset", "paper", "--reason", "understood"]) == 1
    told = capsys.readouterr().err
    assert "have not been verified since" in told
    assert "qe incident close i1" in told
    journal().append(Verified(scope=PAPER, matches=True, positions=(), orders=0))
    journal().append(IncidentClosed(incident_id="i1", cause="a test", action="none"))
    assert main(["reset", "paper", "--reason", "understood"]) == 0
    assert "stays halted until: qe resume paper" in capsys.readouterr().out
    assert state_of("paper", capsys)["state"] == "halt"
    assert main(["resume", "paper"]) == 0
    assert state_of("paper", capsys)["state"] is None


def test_status_says_why_since_when_by_whom_and_what_else_is_open(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    restrict(Kind.SIZE_FACTOR, Cause.WEEKLY_LOSS, "0.5")
    journal().append(IncidentOpened(incident_id="i1", scope=PAPER, trigger="weekly_loss", what="5 % lost"))
    journal().append(Verified(scope=PAPER, matches=False, positions=(), orders=0, differences=("x",)))
    assert main(["status", "paper"]) == 1
    told = capsys.readouterr().out
    for part in (
        "MAY TRADE, SMALLER",
        "size × 0.5",
        "weekly_loss",
        "by test",
        "incident i1 is open: 5 % lost",
        "DIFFERED",
    ):
        assert part in told
    assert "live" not in told


def test_an_account_without_records_is_not_called_different(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verified = Verified(
        scope=PAPER, matches=False, positions=(), orders=0, differences=("DU1: there are no records",), unbegun=("DU1",)
    )
    journal().append(verified)
    main(["status", "paper"])
    told = capsys.readouterr().out
    assert "no records of DU1 yet; to begin them: qe verify paper --adopt --reason TEXT" in told
    assert "DIFFERED" not in told


def test_a_journal_that_cannot_be_read_is_no_absence_of_halts(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["halt", "paper"])
    (Path(os.environ["QE_HOME"]) / "journal" / "journal.db").write_bytes(b"no database" * 1000)
    assert main(["status"]) == 2
    told = capsys.readouterr().out
    assert told.count("HALTED") == 2
    assert "MAY TRADE" not in told
    assert main(["resume", "--all"]) == 2
    assert "Nothing was lifted" in capsys.readouterr().err
    assert main(["halt", "live"]) == 1  # it binds, and is not written down
    assert "not written down" in capsys.readouterr().out


def test_a_halt_that_other_programs_cannot_have_heard_of_is_not_called_one_that_binds_them(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A disk that has become read-only: neither the record can be written nor the alarm be raised."""

    def refused(*_: object, **__: object) -> None:
        raise JournalError(Trouble(Code.READ_ONLY, "the disk refuses"))

    monkeypatch.setattr(SqliteStore, "append", refused)
    monkeypatch.setattr(SqliteStore, "raise_alarm", lambda *_: False)
    assert main(["halt", "paper", "--reason", "x"]) == 1
    said = capsys.readouterr().out
    assert "leaves any program" not in said
    assert "it binds this program (others hear of it only when" in said and "End their engines (qe engines)" in said

"""`qe incident` as an operator types it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest

from engine.cli.commands import main
from engine.core.restrictions import Scope
from engine.journal.events import AnyEvent, IncidentJoined, IncidentOpened, KillEnded, KillPressed, Verified
from engine.journal.journal import open_journal

PAPER, LIVE = Scope("paper"), Scope("live")
REPORT = {
    "logins": {
        "paper": {
            "closed": [{"account": "DU1", "quantity": "3", "contract": {"symbol": "SPY", "sec_type": "STK"}}],
            "residue": [{"account": "DU1", "quantity": "-2", "contract": {"symbol": "IBM", "sec_type": "STK"}}],
        }
    }
}


def write(*events: AnyEvent) -> None:
    open_journal(Path(os.environ["QE_HOME"]) / "journal", actor="test").append(*events)


def page() -> str:
    return Path(os.environ["QE_INCIDENT_LOG"]).read_text()


@pytest.fixture
def killed() -> None:
    """A kill of paper, and another incident of live alone."""
    write(
        KillPressed(kill_id="k1", scopes=(PAPER,), reason="EMERGENCY"),
        IncidentOpened(incident_id="251125-1200-aaaa", scope=PAPER, trigger="kill switch", what="pressed"),
        Verified(scope=LIVE, matches=True, positions=(), orders=0),
        KillEnded(kill_id="k1", scopes=(PAPER,), flat=False, report=msgspec.Raw(msgspec.json.encode(REPORT))),
        IncidentJoined(incident_id="251125-1200-aaaa", what="kill k1 ended: not flat"),
        IncidentOpened(incident_id="251125-1300-bbbb", scope=LIVE, trigger="daily_loss", what="2 % lost"),
    )


def test_without_a_journal_there_is_no_incident(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["incident", "list"]) == 0
    assert "no open incident" in capsys.readouterr().out
    assert main(["incident", "show", "x"]) == 1
    assert not (Path(os.environ["QE_HOME"]) / "journal").exists()


@pytest.mark.usefixtures("killed")
def test_open_incidents_are_listed_until_they_are_closed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["incident", "list"])
    told = capsys.readouterr().out
    assert "251125-1200-aaaa" in told
    assert "251125-1300-bbbb" in told
    assert main(["incident", "close", "bbbb", "--cause", "a bad day", "--action", "smaller size"]) == 0
    capsys.readouterr()
    main(["incident", "list"])
    assert "bbbb" not in capsys.readouterr().out
    main(["incident", "list", "--all", "--json"])
    listed = json.loads(capsys.readouterr().out)
    assert [(one["id"][-4:], one["open"], one["cause"]) for one in listed] == [
        ("aaaa", True, ""),
        ("bbbb", False, "a bad day"),
    ]


def test_a_list_names_the_first_things_and_whoever_looks_one_up_sees_all(capsys: pytest.CaptureFixture[str]) -> None:
    what = "; ".join(f"DU1 S{number:03}: expected 0, broker 1" for number in range(40))
    write(IncidentOpened(incident_id="251125-1200-aaaa", scope=PAPER, trigger="reconciliation", what=what))
    for command in (["incident", "list"], ["status", "paper"]):
        main(command)
        told = capsys.readouterr().out
        assert "S002" in told and "and 37 more" in told and "S003" not in told
    main(["incident", "show", "aaaa"])
    assert "S039" in capsys.readouterr().out


@pytest.mark.usefixtures("killed")
def test_one_is_shown_with_its_timeline_its_positions_and_what_people_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["incident", "note", "251125-12", "the feed of the strategy was frozen"]) == 0
    assert main(["incident", "show", "251125-12"]) == 0
    told = capsys.readouterr().out
    assert "kill pressed" in told
    assert "NOT flat" in told
    before, after = told.split("Positions after it")
    assert "paper DU1: long 3 SPY" in before
    assert "paper DU1: short 2 IBM" in before
    assert "SPY" not in after
    assert "paper DU1: short 2 IBM" in after
    assert "the feed of the strategy was frozen" in told
    assert "live" not in told  # what another login did is not part of it
    main(["incident", "show", "aaaa", "--json"])
    data = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["event"]["event"] for row in data["timeline"]] == [
        "kill_pressed",
        "incident_opened",
        "kill_ended",
        "incident_joined",
        "incident_noted",
    ]


@pytest.mark.usefixtures("killed")
def test_closing_is_added_to_the_page_and_needs_a_cause_and_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["incident", "close", "aaaa", "--cause", " ", "--action", "x"]) == 1
    assert "missing: cause" in capsys.readouterr().err
    assert main(["incident", "close", "aaaa", "--cause", "a frozen feed", "--action", "a watchdog"]) == 0
    assert "- Cause: a frozen feed\n- What was done about it: a watchdog" in page()
    written = page()
    assert main(["incident", "close", "aaaa", "--cause", "again", "--action", "again"]) == 1
    assert "was closed already" in capsys.readouterr().err
    assert page() == written


@pytest.mark.usefixtures("killed")
def test_a_page_that_cannot_be_written_stops_no_closing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    monkeypatch.setenv("QE_INCIDENT_LOG", str(blocked / "INCIDENT_LOG.md"))
    assert main(["incident", "close", "aaaa", "--cause", "c", "--action", "a"]) == 0
    assert "cannot be written" in capsys.readouterr().out
    main(["incident", "list"])
    assert "aaaa" not in capsys.readouterr().out


@pytest.mark.usefixtures("killed")
def test_an_id_that_may_be_several_or_none_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for asked, told in (
        ("251125", "may be any of"),
        ("", "there is no incident"),
        ("zzz", "open are: 251125-1200-aaaa"),
    ):
        assert main(["incident", "close", asked, "--cause", "c", "--action", "a"]) == 1
        assert told in capsys.readouterr().err
    assert main(["incident", "note", "aaaa", "  "]) == 1


def test_a_journal_that_cannot_be_read_is_no_absence_of_incidents(capsys: pytest.CaptureFixture[str]) -> None:
    main(["halt", "--all"])
    (Path(os.environ["QE_HOME"]) / "journal" / "journal.db").write_bytes(b"no database" * 1000)
    assert main(["incident", "list"]) == 2
    assert "no open incident" not in capsys.readouterr().out
    (Path(os.environ["QE_HOME"]) / "journal" / "journal.db").unlink()
    assert main(["incident", "list"]) == 2

"""`qe doctor` finds what would make the switch fail, says how to mend it, and places nothing."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.simulated import qe, simulated
from engine.cli.doctor_command import _summary
from engine.config.guard_table import AlertsTable
from engine.config.model import default_config
from engine.desk import doctor_home
from engine.desk.findings import Grade, exit_code, fault, warning, well
from engine.guard.alert_stamps import stamp_of
from engine.guard.service import GUARD, environment_file, file_of, install
from engine.journal.events import IncidentNoted
from engine.journal.journal import open_journal


def findings(home: Path, *words: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    done = qe("doctor", "--json", *words, home=home)
    found: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(done.stdout):
        found.setdefault(one["about"], []).append(one)
    return done.returncode, found


def grades(found: list[dict[str, Any]]) -> list[str]:
    return [one["grade"] for one in found]


def test_a_machine_where_the_switch_would_work(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        code, found = findings(tmp_path)
        strict, _ = findings(tmp_path, "--strict")
        told = qe("doctor", home=tmp_path)
        truth = world.truth()
    assert code == 0
    assert strict == 1  # no guard, no drill, no page
    assert told.returncode == 0
    assert "The switch would work" in told.stdout
    for name in ("paper", "live"):
        texts = " ".join(one["what"] for one in found[name])
        parts = (
            "as client 9000",
            "8 positions",
            "orders are taken",
            "live prices are there",
            "completed orders can be",
        )
        for part in (*parts, "the markets of 8 positions are open"):
            assert part in texts
    assert truth.logins["paper"].resting == world.before.logins["paper"].resting  # nothing was placed


@pytest.mark.parametrize(
    ("scenario", "login", "told", "mend"),
    [
        ("read-only", "paper", "the API is read-only", "untick Read-Only API"),
        ("not-running", "paper", "nothing listens on", "start TWS"),
        ("wrong-mode", "paper", "which is no paper account", "log TWS in"),
        ("link-down", "paper", "TWS has lost its link to IBKR", "connection"),
        ("accept-dialog", "paper", "says nothing", "dialog"),
        ("positions-unanswered", "paper", "positions cannot be read", "restart TWS"),
        ("no-market-data", "paper", "price of SPY", "market orders will close"),
    ],
)
def test_what_is_wrong_with_a_login_is_named_with_how_to_mend_it(
    tmp_path: Path, scenario: str, login: str, told: str, mend: str
) -> None:
    with simulated(scenario, tmp_path) as world:
        world.config()
        _, found = findings(tmp_path)
    bad = [one for name in ("paper", "live") for one in found[name] if one["grade"] != "well"]
    assert any(told in one["what"] and mend in one["what"] + one["mend"] for one in bad), bad
    assert all(one["mend"] for one in bad)


def test_a_faulty_configuration_stops_no_examination_of_the_rest(tmp_path: Path) -> None:
    (tmp_path / "quant-engine.toml").write_text("[limits]\ndaily_loss_pct = 200\n")
    code, found = findings(tmp_path)
    assert code == 1
    assert grades(found["configuration"]) == ["fault"]
    assert "daily_loss_pct" in found["configuration"][0]["what"]
    assert grades(found["state folder"]) == ["well"]


def test_what_a_kill_would_press_is_examined_however_little_of_the_configuration_can_be_read(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        copied = f"[logins.copied]\nmode = 'paper'\nport = {world.before.logins['paper'].port}\n"
        world.config(f"[limits]\ndaily_loss_pct = 200\n[logins.third]\nmode = 'paper'\nport = 'there'\n{copied}")
        code, found = findings(tmp_path)
    assert code == 1
    for name in ("paper", "live"):
        assert any("8 positions and" in one["what"] for one in found[name])
    assert grades(found["third"]) == ["fault"]
    assert "where it is could not be determined" in found["third"][0]["what"]
    assert grades(found["copied"]) == ["fault"] and "is the place of 'paper'" in found["copied"][0]["what"]


def test_an_engine_under_an_id_of_the_guards_or_the_kills_is_told() -> None:
    def told(client_id: int) -> list[str]:
        config = default_config()
        one = msgspec.structs.replace(config.logins[0], client_id=client_id)
        return [f.what for f in doctor_home.client_ids(msgspec.structs.replace(config, logins=(one,)))]

    assert [told(client_id) for client_id in (1, 89, 98, 8999, 9008)] == [[], [], [], [], []]
    assert "one of the guard's (90 to 97)" in told(90)[0] and "one of the guard's" in told(97)[0]
    assert "one of the kill's (9000 to 9007)" in told(9000)[0] and "one of the kill's" in told(9007)[0]


def test_an_address_that_apprise_does_not_know_is_told(tmp_path: Path) -> None:
    config = msgspec.structs.replace(
        default_config(), alerts=AlertsTable(urls=("nonsense://secret", "mailto://ann:x@example.com"))
    )
    first, second = doctor_home.alerts(tmp_path, config, time.time())
    assert "1. nonsense is no address that Apprise knows" in first.what and "secret" not in first.what + first.mend
    assert second.what.startswith("2. mailto has never taken one")


def test_a_page_and_a_drill_are_remembered_and_grow_old(tmp_path: Path) -> None:
    (tmp_path / "quant-engine.toml").write_text('[logins.paper]\nmode = "paper"\nport = 1\n')
    assert qe("runbook", "-o", str(tmp_path / "page.html"), home=tmp_path).returncode == 0
    folder = tmp_path / "drills"
    folder.mkdir()
    day = time.strftime("%Y-%m-%d", time.gmtime())
    (folder / "DRILLS.md").write_text(f"| {day} 10:00 | calm | passed | x |\n")
    _, found = findings(tmp_path)
    assert grades(found["printed page"]) == grades(found["drill"]) == ["well"]
    (folder / "DRILLS.md").write_text(f"| {day} 10:00 | calm | **FAILED**: x | x |\n")
    os.utime(tmp_path / "quant-engine.toml", (time.time() + 10, time.time() + 10))
    _, found = findings(tmp_path)
    assert grades(found["drill"]) == ["fault"]
    assert "older than the configuration" in found["printed page"][0]["what"]
    (folder / "DRILLS.md").write_text("| 2020-01-01 10:00 | calm | passed | x |\n")
    _, found = findings(tmp_path)
    assert "days old" in found["drill"][0]["what"]


def test_a_journal_that_cannot_be_used_and_a_dead_guard_are_faults(tmp_path: Path) -> None:
    (tmp_path / "quant-engine.toml").write_text('[logins.paper]\nmode = "paper"\nport = 1\n')
    qe("halt", "paper", home=tmp_path)
    (tmp_path / "journal" / "journal.db").write_bytes(b"no database" * 1000)
    (tmp_path / "guard.json").write_text('{"pid": 1, "since_ns": 0}')
    os.utime(tmp_path / "guard.json", (time.time() - 60, time.time() - 60))
    code, found = findings(tmp_path)
    assert code == 1
    assert grades(found["journal"]) == ["fault"]
    assert "the kill needs none" in found["journal"][0]["what"]
    assert found["journal"][0]["of_switch"] is False
    assert grades(found["guard"]) == ["fault"]
    os.utime(tmp_path / "guard.json")
    _, found = findings(tmp_path)
    assert "cannot be called" in found["guard"][0]["what"]


def test_a_home_that_cannot_be_written_is_no_failure_of_the_switch(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    found = list(doctor_home.state_folder(tmp_path / "a file" / "home"))
    assert [(one.grade, one.of_switch) for one in found] == [(Grade.FAULT, False)]
    assert "The kill needs no folder" in found[0].what
    assert "the switch would work" in str(_summary(found))
    assert "make the switch fail" not in str(_summary(found))
    both = str(_summary([*found, fault("paper", "x", "y")]))
    assert "one thing would make the switch fail, one thing more" in both


@pytest.mark.skipif(file_of(GUARD) is None, reason="this platform has no service that we know")
def test_a_guard_that_nothing_starts_again_is_told_and_so_is_what_its_service_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "state"
    home.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))

    def told() -> str:
        (one,) = doctor_home.guard_service(home)
        return f"{one.grade.value}: {one.what}; {one.mend}"

    assert "warning: nothing starts the guard again" in told()
    install(None, tmp_path / "another state")
    assert "is for another state folder" in told()
    install(None, home)
    assert "starts it again" in told()
    monkeypatch.setenv("QE_ALERTS__URLS", '["tgram://secret"]')
    assert "this shell sets QE_ALERTS__URLS, and the service does not have it" in told()
    assert "secret" not in told()
    environment_file(home).write_text("QE_ALERTS__URLS='[]'\n")
    assert "starts it again" in told()


def test_an_address_that_never_took_an_alert_is_not_known_to_work(tmp_path: Path) -> None:
    def told(*urls: str, later_s: float = 0) -> list[str]:
        config = msgspec.structs.replace(default_config(), alerts=AlertsTable(urls=urls))
        return [f"{one.grade.value}: {one.what}" for one in doctor_home.alerts(tmp_path, config, time.time() + later_s)]

    assert told() == ["warning: nobody is called: there is no address"]
    url = "json://127.0.0.1/secret"
    never = "2. mailto has never taken one: it is not known to work"
    assert told(url, "mailto://ann:x@example.com")[1] == f"warning: {never}"
    stamp = stamp_of(url, tmp_path)
    stamp.parent.mkdir()
    stamp.touch()
    assert told(url, "mailto://ann:x@example.com") == [
        "well: 1. json took the last one 0 days ago",
        f"warning: {never}",
    ]
    assert told(url, later_s=40 * 86_400) == ["warning: 1. json took the last one 40 days ago"]


def test_positions_in_closed_markets_are_named_and_are_no_fault(tmp_path: Path) -> None:
    with simulated("weekend", tmp_path) as world:
        world.config()
        _, found = findings(tmp_path)
    assert any("closed now: the markets of" in one["what"] and one["grade"] == "well" for one in found["paper"])


def test_a_spoilt_bell_is_a_warning(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, actor="test")
    journal.append(IncidentNoted(incident_id="i", text="x"))
    assert [one.grade for one in doctor_home.journal(journal)] == [Grade.WELL]
    (tmp_path / "bell").write_bytes(b"rubbish")
    assert [one.grade for one in doctor_home.journal(journal)] == [Grade.WARNING]


def test_the_exit_code_is_for_cron() -> None:
    assert exit_code([well("x", "y")], strict=True) == 0
    assert exit_code([warning("x", "y", "z")], strict=False) == 0
    assert exit_code([warning("x", "y", "z")], strict=True) == 1
    assert exit_code([fault("x", "y", "z")], strict=False) == 1
    assert fault("x", "y", "z").grade is Grade.FAULT

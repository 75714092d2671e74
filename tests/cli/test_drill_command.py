"""`qe drill`: the real kill against a simulated TWS, never against anything else, with a record behind it."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import pytest

from cli.simulated import PATIENCE_S, PYTHON_PATH, qe, start_qe
from engine.simulator.scenario import list_scenarios


def test_the_default_drill_passes_shows_what_happens_and_leaves_a_record(tmp_path: Path) -> None:
    done = qe("drill", home=tmp_path)
    assert done.returncode == 0
    for words in ("An ordinary morning", "THE SWITCH IS PULLED", "global cancel sent", "DRILL PASSED", "paper is flat"):
        assert words in done.stdout
    [record] = (tmp_path / "drills").glob("*.json")
    kept = json.loads(record.read_text())
    assert kept["findings"] == [] and kept["simulated"] is True
    assert kept["report"]["flat"] is True
    assert kept["told"]["logins"]["live"]["timings"]["flat_ms"] > 0
    lines = (tmp_path / "drills" / "DRILLS.md").read_text().splitlines()
    assert "| calm | passed |" in lines[-1] and record.name in lines[-1]
    qe("drill", "--json", home=tmp_path)
    assert len((tmp_path / "drills" / "DRILLS.md").read_text().splitlines()) == len(lines) + 1


def test_a_drill_whose_record_cannot_be_kept_does_not_count_as_held(tmp_path: Path) -> None:
    (tmp_path / "drills").touch()
    done = qe("drill", "--json", home=tmp_path)
    assert json.loads(done.stdout)["findings"] == []
    assert done.returncode == 2
    assert "NOT KEPT" in done.stderr


def test_a_drill_never_touches_the_tws_that_is_configured(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        port = str(trap.getsockname()[1])
        (tmp_path / "quant-engine.toml").write_text(f'[logins.real]\nmode = "live"\nport = {port}\n', encoding="utf-8")
        done = qe(
            "drill",
            "--json",
            home=tmp_path,
            QE_LOGINS__PAPER__PORT=port,
            QE_LOGINS__LIVE__PORT=port,
            QE_CONFIG=str(tmp_path / "quant-engine.toml"),
        )
        trap.setblocking(False)
        with pytest.raises(BlockingIOError):
            trap.accept()
    assert done.returncode == 0


def test_a_drill_leaves_no_incident_in_the_records_of_real_trading(tmp_path: Path) -> None:
    page = Path(PYTHON_PATH).parent / "operator" / "INCIDENT_LOG.md"
    before = page.read_bytes()
    assert qe("drill", "--json", home=tmp_path).returncode == 0
    assert page.read_bytes() == before
    assert not (tmp_path / "INCIDENT_LOG.md").exists()
    assert not (tmp_path / "journal").exists()


def test_a_drill_raises_no_alarm_about_the_clock_of_its_own_world(tmp_path: Path) -> None:
    assert "clock" not in qe("drill", "--plain", home=tmp_path).stdout


def test_json_is_json_and_nothing_else(tmp_path: Path) -> None:
    done = qe("drill", "--json", home=tmp_path)
    assert json.loads(done.stdout)["scenario"] == "calm"


def test_a_scenario_that_ends_otherwise_than_it_says_fails(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('base = "calm"\nkill_after_s = 0.2\n[expect]\npaper = "residue"\ntext = "never"\n', encoding="utf-8")
    done = qe("drill", "--scenario", str(own), home=tmp_path)
    assert done.returncode == 1
    assert "DRILL FAILED" in done.stdout and "paper: ended flat, expected residue" in done.stdout
    assert "**FAILED**" in (tmp_path / "drills" / "DRILLS.md").read_text()


@pytest.mark.parametrize("words", [["--scenario", "nonsense"], ["--scenario", "no-such-file.toml"], ["--speed", "3"]])
def test_what_cannot_be_drilled_is_refused(tmp_path: Path, words: list[str]) -> None:
    done = qe("drill", *words, home=tmp_path)
    assert done.returncode == 64
    assert done.stderr
    assert not (tmp_path / "drills").exists()


def test_the_scenarios_are_listed(tmp_path: Path) -> None:
    done = qe("drill", "--list", home=tmp_path)
    assert [line.split()[0] for line in done.stdout.splitlines()] == list_scenarios()


def test_a_drill_that_is_stopped_says_so_and_leaves_no_record(tmp_path: Path) -> None:
    process = start_qe("drill", "--plain", home=tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if b"the market moves" in line:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert b"stopped; no record" in said
    assert not (tmp_path / "drills").exists()

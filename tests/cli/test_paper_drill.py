"""`qe drill --paper` against a simulated TWS as if it were a person's own: it closes what it made, and nothing else."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from cli.simulated import PATIENCE_S, qe, simulated, start_qe


def test_a_position_is_made_and_closed_and_a_record_is_left_and_nobody_is_halted(tmp_path: Path) -> None:
    with simulated("empty", tmp_path) as world:
        world.config()
        done = qe("drill", "--paper", home=tmp_path)
        truth = world.truth()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bought 1 SPY" in done.stdout
    assert "PAPER DRILL PASSED" in done.stdout
    assert all(login.flat for login in truth.logins.values())
    assert truth.logins["paper"].kill_fills == 1
    assert not truth.logins["paper"].crossings
    assert "paper:paper | passed" in (tmp_path / "drills" / "DRILLS.md").read_text()
    (record,) = (tmp_path / "drills").glob("*.json")
    data = json.loads(record.read_text())
    assert (data["opened"], data["resting"], data["flat"], data["simulated"]) == (True, True, True, False)
    assert "MAY TRADE" in qe("status", "paper", home=tmp_path).stdout
    assert not (tmp_path / "INCIDENT_LOG.md").exists()
    assert "(paper:paper, passed)" in qe("runbook", home=tmp_path).stdout


def test_a_closed_market_leaves_the_cancel_to_be_drilled(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('base = "empty"\nstart = 2026-03-14T12:00:00-04:00\n')
    with simulated(str(own), tmp_path) as world:
        world.config()
        done = qe("drill", "--paper", "paper", "--json", home=tmp_path)
        truth = world.truth()
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not told["opened"]
    assert told["notes"]
    assert truth.logins["paper"].flat


@pytest.mark.parametrize(
    ("scenario", "words", "told"),
    [
        ("calm", ("--paper",), "has 8 positions and 7 working orders, which the drill would close"),
        ("empty", ("--paper", "live"), "is a live login"),
        ("empty", ("--paper", "nobody"), "there is no paper login 'nobody'"),
        ("wrong-mode", ("--paper",), "which is no paper account"),
    ],
)
def test_what_is_not_a_persons_idle_paper_login_is_not_touched(
    tmp_path: Path, scenario: str, words: tuple[str, ...], told: str
) -> None:
    with simulated(scenario, tmp_path) as world:
        world.config()
        done = qe("drill", *words, home=tmp_path)
        truth = world.truth()
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert {name: one.resting for name, one in truth.logins.items()} == {
        name: one.resting for name, one in world.before.logins.items()
    }
    assert not (tmp_path / "drills").exists()


def test_whoever_ends_a_drill_by_ctrl_c_is_left_with_nothing_that_it_has_made(tmp_path: Path) -> None:
    with simulated("empty", tmp_path) as world:
        world.config()
        running = start_qe("drill", "--paper", home=tmp_path)
        assert running.stdout is not None
        while b"bought 1 SPY" not in (line := running.stdout.readline()):
            assert line
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to all that runs in it
        said, told = running.communicate(timeout=PATIENCE_S)
        truth = world.truth()
    assert running.returncode == 130, told
    assert b"pulling the switch" in said
    assert b"paper: flat by reads of the drill's own" in said
    assert b"no record was left" in told
    assert truth.logins["paper"].flat
    assert truth.logins["paper"].kill_fills == 1


def test_behind_an_order_that_may_be_live_the_switch_is_pulled_although_no_drill_was_held(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    dropped = '[[faults]]\nkind = "drop-requests"\nlogin = "paper"\nfor_s = 20.0\nrequests = ["PlaceOrder"]\n'
    own.write_text(f'base = "empty"\n{dropped}')
    with simulated(str(own), tmp_path) as world:
        world.config()
        done = qe("drill", "--paper", home=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "TWS has not confirmed the order" in done.stderr
    assert "The switch was pulled all the same, since an order may be live: nothing is there." in done.stderr
    assert "pulling the switch" in done.stdout
    assert not (tmp_path / "drills").exists()

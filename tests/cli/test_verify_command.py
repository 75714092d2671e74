"""`qe verify` and the page's own `python verify_positions.py`, against a simulated TWS in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cli.simulated import PATIENCE_S, environment, qe, simulated

DESK = Path(__file__).resolve().parents[2] / "operator"


def page(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """As the emergency page has it: from the folder operator/, with the Python at hand."""
    command = [sys.executable, "verify_positions.py", *words]
    return subprocess.run(
        command, cwd=DESK, env=environment(home), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_the_emergency_pages_check_and_the_whole_way_back_after_a_kill_by_commands(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        config = str(world.config())
        first = page(tmp_path, "--config", config)
        assert first.returncode == 1
        assert "paper (DU1234567): NO RECORDS YET" in first.stdout
        assert "there are no records of it yet" in first.stdout
        assert qe("verify", "--adopt", "--reason", "we begin", home=tmp_path).returncode == 64  # not all at once
        begun = qe("verify", "paper", "live", "--adopt", "--reason", "we begin", home=tmp_path)
        assert begun.returncode == 0, begun.stdout + begun.stderr
        assert begun.stdout.count("working orders are our records from now on") == 2
        assert page(tmp_path, "--config", config).stdout.count("MATCH") == 2

        assert qe("kill", "--login", "paper", "--reason", "a test", home=tmp_path).returncode == 0
        refused = qe("resume", "paper", home=tmp_path)
        assert refused.returncode == 1
        assert "it was shut down by kill_switch" in refused.stderr
        assert qe("reset", "paper", "--reason", "understood", home=tmp_path).returncode == 1

        verified = page(tmp_path, "paper", "--config", config, "--json")
        assert verified.returncode == 0
        (told,) = json.loads(verified.stdout)
        assert (told["login"], told["verdict"], told["positions"]) == ("paper", "match", 0)
        (incident,) = json.loads(qe("incident", "list", "--json", home=tmp_path).stdout)
        closing = ("close", incident["id"], "--cause", "a frozen feed", "--action", "a watchdog")
        assert qe("incident", *closing, home=tmp_path).returncode == 0
        assert qe("reset", "paper", "--reason", "understood", home=tmp_path).returncode == 0
        assert "HALTED" in qe("status", "paper", home=tmp_path).stdout
        assert qe("resume", "paper", home=tmp_path).returncode == 0
        assert qe("status", home=tmp_path).returncode == 0
    log = (tmp_path / "INCIDENT_LOG.md").read_text()
    assert log.index("kill switch, paper") < log.index("closed by")


def test_a_tws_that_is_not_there_is_no_match_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "quant-engine.toml").write_text('[logins.paper]\nmode = "paper"\nport = 1\n')
    done = qe("verify", home=tmp_path)
    assert done.returncode == 2
    assert "COULD NOT BE READ" in done.stdout
    assert "nothing listens on 127.0.0.1:1" in done.stdout
    assert "Traceback" not in done.stderr
    adopted = qe("verify", "paper", "--adopt", "--reason", "x", home=tmp_path)
    assert adopted.returncode == 1
    assert "Our records stand as they did" in adopted.stderr
    assert qe("verify", "nobody", home=tmp_path).returncode == 64
    assert qe("verify", "paper", "--adopt", home=tmp_path).returncode == 64

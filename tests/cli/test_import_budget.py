"""Nothing is loaded before the first strike that a bare interpreter has not loaded already, but for what connects."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.config import card

OURS = {
    "engine",
    "engine.cli",
    "engine.cli.first_strike",
    "engine.cli.kill",
    "engine.cli.kill_arguments",
    "engine.cli.presses",
    "engine.config",
    "engine.config.card",
    "engine.config.places",
    "engine.wire",
    "engine.wire.opening",
}
FOREIGN = {"__future__", "_signal", "_socket", "errno", "gc", "select"}

PROBE = """
import sys
bare = set(sys.modules)
from engine.cli import first_strike, main
import os

def struck(self, *patience):
    os.write(1, " ".join(set(sys.modules) - bare).encode())
    os._exit(0)

first_strike.FirstStrike.run = struck
sys.argv = ["qe", "kill", *sys.argv[1:]]
main()
"""


def loaded_before_the_strike(*arguments: str, home: Path) -> set[str]:
    environ = {**os.environ, "QE_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    environ.pop("QE_CONFIG", None)
    command = [sys.executable, "-c", PROBE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=home, timeout=60, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "arguments", [(), ("--reason", "why", "--login", "paper", "--deadline=5", "--watch", "1", "--json")]
)
def test_the_way_to_the_first_byte_loads_nothing_it_does_not_need(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert loaded_before_the_strike(*arguments, home=tmp_path) <= OURS | FOREIGN


def test_a_configuration_that_was_read_before_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QE_HOME", str(tmp_path))
    text = b'[logins.paper]\nmode = "paper"\n'
    (tmp_path / "quant-engine.toml").write_bytes(text)
    assert "tomllib" in loaded_before_the_strike(home=tmp_path)
    card.write_card(text, card.default_plan())
    assert loaded_before_the_strike(home=tmp_path) <= OURS | FOREIGN

"""EMERGENCY_PROCEDURES.md is what the configuration comes to, and everything on it that is typed works."""

from __future__ import annotations

import re
import subprocess
from datetime import date
from pathlib import Path

import pytest

from cli.simulated import PATIENCE_S, environment, simulated
from engine.config.model import default_config
from engine.desk.page_markdown import markdown
from engine.desk.runbook import runbook
from engine.desk.runbook_facts import generic
from engine.trading import IBKRAccountManager, TradingMode

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "EMERGENCY_PROCEDURES.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(bash|python)\n(.*?)\n```", PAGE, re.DOTALL)
SHELL = [text for language, text in BLOCKS if language == "bash"]
PROGRAM = [text for language, text in BLOCKS if language == "python"]


def typed(text: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """As somebody types it whose clone is called quant-engine, in a shell in which nothing is activated."""
    lines = text.replace("cd quant-engine", f'cd "{ROOT}"')
    return subprocess.run(
        ["/bin/bash", "-c", lines],
        cwd=home,
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_the_page_is_generated() -> None:
    (day,) = re.findall(r"\*\*Last Updated\*\*: (\S+)", PAGE)
    assert markdown(runbook(generic(default_config(), date.fromisoformat(day)))) == PAGE, "run: make page"


def test_every_command_on_the_page_is_the_one_that_was_set_up() -> None:
    """A shell has another `python`, or none, and no `qe`, unless something was activated in it."""
    assert re.findall(r"(?<![\w/.-])(?:qe|python3?) \w+", PAGE) == []


def test_every_command_for_the_shell_is_one_that_is_run_here() -> None:
    assert [text.splitlines()[1].split()[0] for text in SHELL] == [
        ".venv/bin/qe",
        "../.venv/bin/python",
        "../.venv/bin/python",
        ".venv/bin/qe",
    ]
    assert len(PROGRAM) == 1


@pytest.mark.skipif(not (ROOT / ".venv").exists(), reason="the page speaks of the clone's own .venv")
@pytest.mark.parametrize("number", [0, 1])
def test_both_ways_to_pull_the_switch_leave_both_logins_flat(tmp_path: Path, number: int) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        ports = {f"QE_LOGINS__{name.upper()}__PORT": str(login.port) for name, login in world.before.logins.items()}
        text = SHELL[number]
        for name, login in world.before.logins.items():  # the program has the default ports; here they are free ones
            text = re.sub(rf"(add_account\('{name}'[^)]*)\)", rf"\1, port={login.port})", text)
        done = typed(text, tmp_path, **ports)
        truth = world.truth()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FLAT" in done.stdout
    assert "NOT FLAT" not in done.stdout
    assert all(login.flat for login in truth.logins.values())


@pytest.mark.skipif(not (ROOT / ".venv").exists(), reason="the page speaks of the clone's own .venv")
def test_the_quick_check_reads_the_broker(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        config = str(world.config())
        done = typed(SHELL[2], tmp_path, QE_CONFIG=config)
    assert done.returncode == 1
    assert done.stdout.count("there are no records of it yet") == 2


@pytest.mark.skipif(not (ROOT / ".venv").exists(), reason="the page speaks of the clone's own .venv")
def test_halt_status_and_resume_work_as_they_are_typed(tmp_path: Path) -> None:
    done = typed(SHELL[3], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("HALTED") == 2
    assert "paper: lifted manual" in done.stdout
    assert "live: lifted manual" in done.stdout


def test_the_halt_and_resume_of_a_program_work_as_they_stand() -> None:
    manager = IBKRAccountManager()
    manager.add_account("paper", TradingMode.PAPER)
    manager.add_account("live", TradingMode.LIVE)
    halts, resumes = PROGRAM[0].split("# Resume")
    exec(halts, {"manager": manager})
    assert not manager.state("paper").may_add_risk
    assert not manager.state("live").may_add_risk
    exec(resumes, {"manager": manager})
    assert manager.state("paper").may_add_risk
    assert manager.state("live").may_add_risk

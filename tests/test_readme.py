"""What the README tells people to do works as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cli.simulated import PATIENCE_S, environment, qe, simulated
from engine.simulator.scenario import list_scenarios

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
PROGRAM = next(block for block in BLOCKS if "python -c" in block)
QUICK = [
    line.partition("#")[0].strip()
    for block in BLOCKS
    if block is not PROGRAM
    for line in block.splitlines()
    if line.startswith("qe ")
]
PORTS = """
import sys
from engine.trading import modes
ports = dict(zip(("paper", "live"), map(int, sys.argv[1:])))
modes.TradingMode.default_port = property(lambda mode: ports[mode.value])
"""


def test_the_emergency_pages_program_runs_word_for_word(tmp_path: Path) -> None:
    folder, command = PROGRAM.split("\n", 1)
    assert folder == "cd quant-engine/python"
    python, option, program = shlex.split(command)
    assert (python, option) == ("python", "-c")
    with simulated("calm", tmp_path) as world:
        ports = [str(world.before.logins[name].port) for name in ("paper", "live")]
        done = subprocess.run(
            [sys.executable, "-c", PORTS + program, *ports],
            cwd=ROOT / "python",
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        truth = world.truth()
    assert done.returncode == 0, done.stderr
    assert done.stdout.lstrip().startswith("FLAT")
    assert done.stderr == ""
    assert all(login.flat for login in truth.logins.values())


@pytest.mark.parametrize("line", QUICK)
def test_every_command_shown_works(line: str, tmp_path: Path) -> None:
    words = shlex.split(line)[1:]
    if words in (["guard", "run"], ["gateway", "run"]):
        pytest.skip("it runs until it is ended: tests/cli/test_warm_guard.py, test_gateway_command.py")
    if words == ["web"]:
        pytest.skip("it runs until it is ended: tests/web/test_in_a_browser.py")
    if words == ["verify"]:  # the only one that asks TWS; on a fresh machine there are no records yet
        with simulated("calm", tmp_path) as world:
            world.config()
            done = qe(*words, home=tmp_path)
        assert done.returncode == 1
        assert done.stdout.count("there are no records of it yet") == 2
    else:
        assert qe(*words, home=tmp_path).returncode == 0


def test_every_make_target_shown_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"`make ([a-z]+)|^make ([a-z]+)", README, re.MULTILINE))
    assert targets
    for target in (first or second for first, second in targets):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_what_the_readme_counts_and_links_is_there() -> None:
    assert len(list_scenarios()) > 50
    for page in ("README.md", "CONTRIBUTING.md", *(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))):
        text = (ROOT / page).read_text(encoding="utf-8")
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert ((ROOT / page).parent / link).exists(), f"{page} links to {link}"

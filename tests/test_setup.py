"""The set-up finds a Python that is new enough, or says what is missing. Making environments is for `make` itself."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from script import script

ROOT = Path(__file__).resolve().parents[1]
SETUP = ROOT / "scripts" / "setup"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="make and sh belong to macOS and Linux")


def run_setup(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder), **more}
    return subprocess.run([SETUP, *words], env=environ, capture_output=True, text=True, timeout=60, check=False)


def fake(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def test_a_python_that_is_too_old_is_told_with_what_to_do(tmp_path: Path) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14", "python"):
        fake(tmp_path, name, '[ "$1" = --version ] && echo "Python 3.8.10"; exit 1')
    done = run_setup(tmp_path, "run")
    assert done.returncode == 1
    for words in ("needs Python 3.11 or newer", "Python 3.8.10", "python.org", "make PYTHON="):
        assert words in done.stderr


@pytest.mark.parametrize("name", ["python3.11", "python3.14", "mine"])
def test_the_first_python_that_is_new_enough_is_taken(tmp_path: Path, name: str) -> None:
    for old in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        fake(tmp_path, old, "exit 1")
    fake(tmp_path, name, '[ "$1" = -c ] && exit 0; echo "taken: $0 $2"')
    more = {"PYTHON": name} if name == "mine" else {}
    assert f"taken: {tmp_path / name} dev" in run_setup(tmp_path, "dev", **more).stdout


def test_wrong_words_are_refused(tmp_path: Path) -> None:
    for words in ([], ["everything"]):
        done = run_setup(tmp_path, *words, PYTHON=sys.executable)
        assert done.returncode == 64 and "usage" in done.stderr


def test_the_supported_python_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["requires-python"] == ">=3.11"
    assert "sys.version_info < (3, 11)" in SETUP.read_text(encoding="utf-8")


def test_an_environment_that_is_made_is_left_alone() -> None:
    """Where these tests run from one that `make` has made, for the pyproject.toml that is here now."""
    setup_env = script("setup_env")
    if not (setup_env.is_made("run") and setup_env.is_made("dev")):
        pytest.skip("not set up by make")
    before = setup_env.stamp_file("dev").stat().st_mtime_ns
    done = run_setup(ROOT, "dev", PYTHON=sys.executable)
    assert (done.returncode, done.stdout) == (0, "")
    assert setup_env.stamp_file("dev").stat().st_mtime_ns == before


@pytest.mark.skipif(not script("setup_env").is_made("run"), reason="not set up by make")
def test_qe_holds_a_ctrl_c_back_while_python_is_loading_where_that_can_be_done() -> None:
    setup_env = script("setup_env")
    first_line = (ROOT / ".venv/bin/qe").read_text(encoding="utf-8").partition("\n")[0]
    held_back = f"#!{setup_env.ENV} -S {setup_env.HOLD_BACK} {setup_env.PYTHON} -I"
    if setup_env.can_hold_back() and len(held_back) + 1 < setup_env.FIRST_LINE_MAX:
        assert first_line == held_back
    assert len(first_line) < setup_env.FIRST_LINE_MAX


@pytest.mark.skipif(not script("setup_env").is_made("run"), reason="not set up by make")
@pytest.mark.parametrize(
    ("name", "value"),
    [("PYTHONHOME", "/nowhere"), ("PYTHONIOENCODING", "nonsense"), ("PYTHONPATH", "."), ("PYTHONSAFEPATH", "")],
)
def test_no_python_setting_of_somebodys_shell_keeps_qe_from_starting(tmp_path: Path, name: str, value: str) -> None:
    for module in ("engine", "socket", "re", "encodings", "site"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('another program')", encoding="utf-8")
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), name: value}
    done = subprocess.run(
        [ROOT / ".venv/bin/qe", "kill", "--help"],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "") and "usage: qe kill" in done.stdout

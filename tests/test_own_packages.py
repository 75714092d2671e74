"""The emergency page's `python` may be any Python of this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine import own_packages

ROOT = Path(__file__).resolve().parents[1]
BARE = "import engine.trading as t; print(t.IBKRAccountManager.__name__)"


@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="only the clone's own packages can be lent")
def test_a_python_without_packages_borrows_those_of_the_clone() -> None:
    command = [sys.executable, "-S", "-c", BARE]  # -S: no site-packages, as of another Python of this version
    done = subprocess.run(command, cwd=ROOT / "python", capture_output=True, text=True, check=False)
    assert done.stdout == "IBKRAccountManager\n", done.stderr


def test_a_python_that_cannot_is_told_which_one_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_packages, "find_spec", lambda _name: None)
    path = list(sys.path)
    with pytest.raises(own_packages.WrongPython, match=f"make -C {tmp_path} setup"):
        own_packages.borrow(tmp_path)
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.touch()
    with pytest.raises(own_packages.WrongPython, match=f"use {own}"):
        own_packages.borrow(tmp_path)
    assert sys.path == path

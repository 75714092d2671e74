"""What our programs start is ours, whatever lies in the folder that somebody stands in, or on his path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import engine
from script import script

SOURCE = Path(engine.__file__).parent
STARTS_QE = (
    "import subprocess, sys; from engine.own_program import qe; sys.exit(subprocess.run(qe('version')).returncode)"
)


def started_from(folder: Path, flag: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`qe version`, started by a program of ours that was started in a folder full of strangers."""
    for module in ("engine", "socket", "re"):
        (folder / f"{module}.py").write_text("raise SystemExit('another program')", encoding="utf-8")
    return subprocess.run(
        [sys.executable, flag, "-c", STARTS_QE],
        cwd=folder,
        env={"PATH": os.defpath, "HOME": str(folder), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_file_in_the_folder_that_one_stands_in_is_not_taken_for_ours(tmp_path: Path) -> None:
    done = started_from(tmp_path, "-P", PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
    assert (done.returncode, done.stdout.strip()) == (0, f"quant-engine {engine.__version__}"), done.stderr


@pytest.mark.skipif(not script("setup_env").is_made("run"), reason="not set up by make")
@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONHOME"])
def test_what_qe_starts_takes_no_more_from_the_environment_than_qe_does(tmp_path: Path, name: str) -> None:
    done = started_from(tmp_path, "-I", **{name: str(tmp_path)})
    assert (done.returncode, done.stdout.strip()) == (0, f"quant-engine {engine.__version__}"), done.stderr


def test_every_program_of_ours_is_started_so() -> None:
    gone_around = [
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if path.name != "own_program.py" and '"-m"' in path.read_text(encoding="utf-8")
    ]
    assert gone_around == []

"""Make `.venv` what pyproject.toml says, and nothing when it already is.

    scripts/setup run     the package and what it needs to run (quick: this is what `make drill` waits for)
    scripts/setup dev     that, plus the tools and clients of the dependency groups (`make test`, `make check`)

Runs on a bare Python 3.11 and uses venv and pip alone. A stamp inside `.venv` says which pyproject.toml and which
folder it was made for; an environment that is broken or was moved is made anew. It must never leave a stamp behind
for something that did not finish.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STEP_TIMEOUT_S = 900
ENV, HOLD_BACK = "/usr/bin/env", "--block-signal=INT,QUIT,TERM"
FIRST_LINE_MAX = 120  # some kernels cut a script's first line at 127 bytes
FORMAT = 3  # raise when this file comes to build environments differently


class SetUpFailed(Exception):
    """A step failed; the text says which, what came back, and what to do."""


def wanted() -> dict[str, list[str]]:
    """Read from pyproject.toml what each kind of set-up installs beside the package itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    return {"run": project["project"]["dependencies"], "dev": groups["dev"] + groups["clients"]}


def stamp_text(kind: str) -> str:
    """Everything the environment depends on; equal text means that nothing is to be done."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    relevant = [FORMAT, wanted()[kind], project["project"], project["build-system"], project["tool"]["hatch"]]
    digest = hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()
    return json.dumps({"folder": str(VENV), "project": digest}, indent=1) + "\n"


def stamp_file(kind: str) -> Path:
    return VENV / f"made-for-{kind}.json"


def is_made(kind: str) -> bool:
    try:
        return stamp_file(kind).read_text(encoding="utf-8") == stamp_text(kind)
    except OSError:
        return False


def runs() -> bool:
    """The environment's Python starts and takes itself for an environment in this folder."""
    ask = "import sys; print(sys.prefix)"
    try:
        done = subprocess.run([PYTHON, "-c", ask], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and Path(done.stdout.strip()).resolve() == VENV.resolve()


def was_moved() -> bool:
    """Installed commands carry the folder they were made in; `pyvenv.cfg` remembers which that was."""
    try:
        lines = (VENV / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:
        return True
    made_by = next((line for line in lines if line.startswith("command = ")), "")
    return not made_by.endswith(str(VENV))


def run_step(command: list[str], what: str) -> None:
    """Run one step to its end; a failure carries the last lines of its output."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=STEP_TIMEOUT_S, cwd=ROOT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetUpFailed(f"{what}: {error}") from error
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-12:])
        raise SetUpFailed(f"{what} failed (exit {done.returncode}):\n{tail}")


def make_venv() -> None:
    """Make the environment anew, with pip where this Python can give it one."""
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    has_pip = importlib.util.find_spec("ensurepip") is not None
    bare = [] if has_pip else ["--without-pip"]
    run_step([sys.executable, "-m", "venv", *bare, str(VENV)], "python -m venv")


def pip() -> list[str]:
    """The environment's pip, or this Python's own working on the environment (some systems ship no ensurepip)."""
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-warn-script-location"]
    if any((VENV / "lib").glob("python*/site-packages/pip")) or (VENV / "Lib/site-packages/pip").exists():
        return [str(PYTHON), "-m", "pip", "install", *options]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", *options]
    raise SetUpFailed(
        f"{sys.executable} has neither ensurepip nor pip, so nothing can be installed.\n"
        "On Debian and Ubuntu: sudo apt install python3-venv. Then run the same command again."
    )


def install(kind: str) -> None:
    stamp_file(kind).unlink(missing_ok=True)
    if kind == "dev":
        run_step([*pip(), *wanted()["dev"]], "pip install of the development tools")
    else:
        run_step([*pip(), "--editable", "."], "pip install of quant-engine")
        run_step([str(PYTHON), "-m", "compileall", "-q", str(ROOT / "python")], "compiling quant-engine")
        lighten_command()
    stamp_file(kind).write_text(stamp_text(kind), encoding="utf-8")


def lighten_command() -> None:
    """Replace pip's wrapper of `qe`, which loads `re` before the program gets to say what it needs (5 ms of a kill).

    `-I`: no PYTHONHOME, PYTHONPATH or PYTHONIOENCODING of somebody's shell keeps the kill from starting, or lends it
    modules of other programs.
    Ctrl-C is held back until there is somebody to hear it (engine.cli.presses), where `env` can do that: while Python
    itself is loading it would end a kill with a traceback and an exit code that means something else.
    Where a first line cannot name the Python (a space in the folder, a very long path), pip's own way around it stays.
    """
    command, first_line = PYTHON.with_name("qe"), f"#!{PYTHON} -I\n"
    held_back = f"#!{ENV} -S {HOLD_BACK} {PYTHON} -I\n"
    if len(held_back) < FIRST_LINE_MAX and re.fullmatch(r"[\w/.+-]+", str(PYTHON)) and can_hold_back():
        first_line = held_back
    if command.exists() and " " not in str(PYTHON) and len(first_line) < FIRST_LINE_MAX:
        command.write_text(f"{first_line}from engine.cli import main\n\nmain()\n", encoding="utf-8")


def can_hold_back() -> bool:
    """GNU's `env` can, from coreutils 8.31 on; that of a Mac cannot."""
    try:
        return subprocess.run([ENV, "-S", f"{HOLD_BACK} true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Two `make` at once must not build into the same folder: the second waits. A dead holder frees the lock."""
    try:
        import fcntl
    except ImportError:  # Windows: no such lock; two at once are then the user's to avoid
        yield
        return
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def set_up(kind: str) -> None:
    kinds = ("run",) if kind == "run" else ("run", "dev")
    if all(is_made(each) for each in kinds) and runs():
        return
    with alone():
        if was_moved() or not runs():
            say(f"making {VENV.name} with Python {sys.version.split()[0]}")
            make_venv()
        for each in kinds:
            if not is_made(each):
                say("installing quant-engine" if each == "run" else "installing the development tools")
                started = time.monotonic()
                install(each)
                say(f"  done in {time.monotonic() - started:.1f} s")


def say(text: str) -> None:
    print(f"setup: {text}", flush=True)


def main() -> int:
    kind = sys.argv[1] if len(sys.argv) == 2 else ""
    if kind not in ("run", "dev"):
        print("usage: scripts/setup run|dev", file=sys.stderr)
        return 64
    try:
        set_up(kind)
    except SetUpFailed as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

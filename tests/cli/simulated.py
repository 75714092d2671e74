"""`qe` as a process of its own, against a simulated TWS as a process of its own. Ports are free ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from engine.broker.closing_right import SIMULATED_WORLD
from engine.desk.exchange_truth import Truth

PATIENCE_S = 60.0
PYTHON_PATH = str(Path(__file__).resolve().parents[2] / "python")


def environment(home: Path, **more: str) -> dict[str, str]:
    """Ours, without anything that could name another TWS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QE_")}
    folders = {"QE_HOME": str(home), SIMULATED_WORLD: str(home), "QE_INCIDENT_LOG": str(home / "INCIDENT_LOG.md")}
    return kept | folders | {"PYTHONPATH": PYTHON_PATH} | more


class Simulated:
    """A running simulated TWS, and what is true on its exchange."""

    def __init__(self, process: subprocess.Popen[bytes], home: Path) -> None:
        self._process = process
        self.home = home
        self.before = self._read()

    def truth(self) -> Truth:
        assert self._process.stdin is not None
        self._process.stdin.write(b"?\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Truth:
        assert self._process.stdout is not None
        return msgspec.json.decode(self._process.stdout.readline(), type=Truth)

    def config(self, extra: str = "") -> Path:
        """A configuration that names its logins."""
        lines = [
            f'[logins.{login.name}]\nmode = "{login.mode}"\nport = {login.port}\n'
            for login in self.before.logins.values()
        ]
        path = self.home / "quant-engine.toml"
        path.write_text("\n".join(lines) + extra, encoding="utf-8")
        return path


@contextmanager
def simulated(scenario: str, home: Path) -> Iterator[Simulated]:
    command = [sys.executable, "-m", "engine.desk.drill_world", scenario]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(home), start_new_session=True
    )
    try:
        yield Simulated(process, home)
    finally:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        process.wait(PATIENCE_S)


def qe(*words: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, from an empty folder."""
    command = [sys.executable, "-m", "engine.cli", *words]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment(home, **more),
        cwd=home,
        timeout=PATIENCE_S,
        check=False,
    )


def start_qe(
    *words: str, home: Path, stdout: int | IO[bytes] = subprocess.PIPE, stderr: int | IO[bytes] = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, as a terminal would: interrupts are heard, whoever runs the tests."""
    command = [sys.executable, "-m", "engine.cli", *words]
    return subprocess.Popen(
        command,
        stdout=stdout,
        stderr=stderr,
        env=environment(home),
        cwd=home,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )

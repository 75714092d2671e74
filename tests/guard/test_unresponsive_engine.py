"""The emergency page's unresponsive system, performed: an engine that hangs, and one that is killed, each a process,
beside a guard in a process of its own and a simulated TWS in another.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.simulated import PATIENCE_S, Simulated, environment, qe, simulated, start_qe
from engine.guard.control import NoGuard, Request, ask

HALT_S, KILL_S = 3.0, 6.0
GUARD = f"\n[guard]\nheartbeat_tell_s = 1\nheartbeat_halt_s = {HALT_S}\nheartbeat_kill_s = {KILL_S}\n"
ENGINE = """
import asyncio, sys, time
from engine.trading import IBKRAccountManager, TradingMode

async def main():
    manager = IBKRAccountManager()
    manager.add_account("paper", TradingMode.PAPER, port=int(sys.argv[1]))
    await manager.connect_all()
    print("trading", flush=True)
    await asyncio.sleep(2)
    if sys.argv[2] == "hang":
        time.sleep(600)  # the loop stands still; the process lives
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A state folder whose path fits into a socket's name."""
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        yield Path(folder)


@contextmanager
def guarded(home: Path) -> Iterator[Simulated]:
    with simulated("calm", home) as world:
        world.config(GUARD)
        guard = start_qe("guard", "run", home=home)
        try:
            until(home, lambda told: all(one["at_risk"] for one in told["logins"].values()))
            yield world
        finally:
            guard.send_signal(signal.SIGTERM)
            guard.communicate(timeout=PATIENCE_S)


@contextmanager
def engine(home: Path, port: int, way: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", ENGINE, str(port), way]
    process = subprocess.Popen(command, env=environment(home), cwd=home, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"trading\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


def until(home: Path, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask the guard until it says so."""
    end = time.monotonic() + PATIENCE_S
    told: dict[str, Any] = {}
    while time.monotonic() < end:
        try:
            told = ask(home, Request("status"))
        except NoGuard:
            told = {"logins": {}, "engines": []}
        if told["logins"] and holds(told):
            return told
        time.sleep(0.02)
    raise AssertionError(f"it never came to that: {told}")


def beating(told: dict[str, Any]) -> bool:
    return any(one["silent_s"] < 1.5 for one in told["engines"])


@pytest.mark.parametrize("way", ["hang", "die"])
def test_an_engine_that_hangs_or_dies_is_halted_and_killed_within_its_time(home: Path, way: str) -> None:
    with guarded(home) as world, engine(home, world.before.logins["paper"].port, way) as process:
        until(home, beating)
        if way == "die":
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        until(home, lambda told: bool(told["engines"]) and told["engines"][0]["silent_s"] >= 1.0)
        silent_since = time.monotonic() - 1.0
        until(home, lambda told: told["logins"]["paper"]["state"] in ("halt", "shutdown"))
        halted_after = time.monotonic() - silent_since
        until(home, lambda told: told["logins"]["paper"]["state"] == "shutdown")
        until(home, lambda told: not told["logins"]["paper"]["killing"])
        truth = world.truth()
        status = qe("status", home=home).stdout
    assert halted_after >= HALT_S - 1.5
    assert truth.logins["paper"].flat
    assert not truth.logins["live"].flat  # that engine does not trade it
    assert not truth.logins["paper"].crossings
    assert "has given no sign of life" in status
    log = (home / "INCIDENT_LOG.md").read_text()
    assert "dead_man, paper" in log
    assert "kill switch, paper" in log


@pytest.mark.skipif(shutil.which("pgrep") is None, reason="the page's own command for it is not on this machine")
def test_stopping_the_engine_and_only_the_engine_leaves_the_guard_and_the_kill(home: Path) -> None:
    """Step 2 of the page: its number, and no other Python."""
    with guarded(home) as world, engine(home, world.before.logins["paper"].port, "hang") as process:
        until(home, beating)
        listed = subprocess.run(["pgrep", "-af", "python"], capture_output=True, text=True, check=True).stdout
        assert f"\n{process.pid} " in f"\n{listed}"
        subprocess.run(["kill", "-9", str(process.pid)], check=True)
        process.wait()
        done = qe("kill", "--login", "paper", home=home)
        told = until(home, lambda told: not told["logins"]["paper"]["killing"])
        truth = world.truth()
    assert done.returncode == 0
    assert truth.logins["paper"].flat
    assert told["logins"]["live"]["connected"]

"""A kill is handed to a guard that runs, and goes its own way all the same. Processes and sockets are real."""

from __future__ import annotations

import json
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from cli.simulated import PATIENCE_S, qe, simulated, start_qe
from engine.cli import warm_guard
from engine.guard import control
from engine.guard.control import NoGuard, Request, ask, parse
from engine.journal import chain
from engine.journal.events import KillPressed
from engine.journal.history import records
from engine.journal.sqlite_store import SqliteStore


@pytest.fixture
def home() -> Iterator[Path]:
    """A state folder whose path fits into a socket's name."""
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        yield Path(folder)


@contextmanager
def guard(home: Path) -> Iterator[Popen[bytes]]:
    process = start_qe("guard", "run", home=home)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)


def until(what: str, home: Path) -> dict[str, object]:
    """Ask the guard until it says so."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            told = ask(home, Request("status"))
        except NoGuard:
            told = {}
        logins = told.get("logins", {})
        if logins and all(login[what] for login in logins.values()):
            return told
        time.sleep(0.05)
    raise AssertionError(f"no guard came to be {what}")


def presses(home: Path) -> list[str]:
    store = SqliteStore(home / "journal")
    found = [chain.opened(one).event for one in records(home / "journal", store, 0)]
    store.close()
    return [event.reason for event in found if isinstance(event, KillPressed)]


def test_a_guard_that_runs_is_told_and_both_find_the_logins_flat(home: Path) -> None:
    with simulated("calm", home) as world, guard(home):
        world.config()
        until("at_risk", home)
        done = qe("kill", "--reason", "gone, ü", "--json", home=home)
        told = until("connected", home)
        end = time.monotonic() + PATIENCE_S
        while any(login["killing"] for login in told["logins"].values()) and time.monotonic() < end:
            told = ask(home, Request("status"))
        truth = world.truth()
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["flat"]
    assert all(login.flat for login in truth.logins.values())
    assert presses(home).count("gone, ü") == 3  # the command's of both logins, and the guard's of each


def test_one_login_is_killed_by_the_guard_too_and_the_other_left_alone(home: Path) -> None:
    with simulated("calm", home) as world, guard(home):
        world.config()
        until("at_risk", home)
        assert qe("kill", "--login", "paper", home=home).returncode == 0
        truth = world.truth()
    assert truth.logins["paper"].flat
    assert not truth.logins["live"].flat


def test_a_guard_that_hangs_holds_up_no_kill(home: Path) -> None:
    with simulated("calm", home) as world, guard(home) as process:
        world.config()
        until("at_risk", home)
        process.send_signal(signal.SIGSTOP)
        try:
            done = qe("kill", home=home)
        finally:
            process.send_signal(signal.SIGCONT)
        truth = world.truth()
    assert done.returncode == 0, done.stdout
    assert all(login.flat for login in truth.logins.values())


def test_a_guard_that_is_killed_and_started_anew_goes_on(home: Path) -> None:
    with simulated("calm", home) as world:
        world.config()
        with guard(home) as process:
            until("at_risk", home)
            process.kill()
            process.wait()
        with guard(home):
            until("at_risk", home)
            assert "SILENT" not in qe("status", home=home).stdout


def test_there_is_one_guard_for_a_state_folder(home: Path) -> None:
    with simulated("calm", home) as world:
        world.config()
        with guard(home):
            until("connected", home)
            second = qe("guard", "run", home=home)
    assert second.returncode == 2
    assert "a guard runs already (process" in second.stderr


def test_what_is_handed_over_is_what_a_guard_understands(home: Path) -> None:
    assert warm_guard.SOCKET == control.SOCKET
    heard = socket.socket(socket.AF_UNIX)
    heard.bind(str(home / control.SOCKET))
    heard.listen()
    assert warm_guard.hand_over(str(home), "gone, ü", ["paper", "live"])
    caller, _ = heard.accept()
    assert parse(caller.recv(65_536)) == Request("kill", reason="gone, ü", logins=("paper", "live"))
    caller.close()
    heard.close()
    assert not warm_guard.hand_over(str(home), "x", [])  # nobody listens any more
    (home / control.SOCKET).unlink()
    assert not warm_guard.hand_over(str(home), "x", [])
    assert not warm_guard.hand_over("/" + "x" * 200, "x", [])
    assert not warm_guard.hand_over("\0", "x", [])

"""A kill that was pressed in the cockpit goes through although the guard dies or freezes over it, and the page says so.

The server, the guard and the simulated TWS are processes of their own.
"""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest

from cli.simulated import PATIENCE_S, simulated, start_qe
from ports import free_port
from web.browser import Here, guard_sees_everything, press, serving, until
from web.stage import told

pytestmark = pytest.mark.slow


@contextmanager
def watched() -> Iterator[tuple[Here, subprocess.Popen[bytes]]]:
    """A cockpit, and a guard that the test may do anything to."""
    with tempfile.TemporaryDirectory(prefix="qe-") as folder, ExitStack() as stack:
        home, port = Path(folder), free_port()
        world = stack.enter_context(simulated("calm", home))
        world.config()
        stack.enter_context(serving(home, port))
        log = stack.enter_context((home / "guard.log").open("ab"))
        guard = start_qe("guard", "run", home=home, stdout=log, stderr=log)
        try:
            until(lambda: guard_sees_everything(home), "the guard did not see everything")
            yield Here(world, f"http://127.0.0.1:{port}"), guard
        finally:
            guard.kill()
            guard.wait(PATIENCE_S)


def kills(here: Here) -> bool:
    """The guard has the press, and with it the right to close."""
    return ": KILL: " in (here.home / "guard.log").read_text(encoding="utf-8")


def says(here: Here, *words: str) -> bool:
    page = told(httpx.get(f"{here.url}/kill", timeout=PATIENCE_S))
    return all(word in page for word in words)


def test_a_guard_that_dies_in_the_middle_of_its_kill_leaves_it_to_the_cockpits_own() -> None:
    with watched() as (here, guard):
        press(here.url)
        until(lambda: kills(here), "the guard did not hear of the press")
        guard.kill()
        until(lambda: says(here, "FLAT all 2 logins verified", "The guard HAS DIED"), "the page does not say FLAT")
        assert here.is_flat()


def test_a_guard_that_is_frozen_with_the_right_to_close_in_its_hand_loses_it() -> None:
    with watched() as (here, guard):
        press(here.url)
        until(lambda: kills(here), "the guard did not hear of the press")
        guard.send_signal(signal.SIGSTOP)
        until(lambda: says(here, "FLAT all 2 logins verified", "The guard"), "the page does not say FLAT")
        assert here.is_flat()
        assert says(here, "does not answer") or says(here, "has been SILENT")


def test_a_guard_that_was_frozen_before_the_press_keeps_nothing_back() -> None:
    with watched() as (here, guard):
        guard.send_signal(signal.SIGSTOP)
        press(here.url)
        until(lambda: says(here, "FLAT all 2 logins verified", "The guard"), "the page does not say FLAT")
        assert here.is_flat()
        assert says(here, "does not answer") or says(here, "has been SILENT")

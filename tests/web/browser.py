"""The real server, guard and simulated TWS, each a process of its own, and what a browser needs to look at them.

Nothing here waits for a fixed time: a machine that is held up makes a test slower, not wrong.
"""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from cli.simulated import PATIENCE_S, Simulated, simulated, start_qe
from engine.guard.control import NoGuard, Request, ask
from ports import free_port

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, WALL = {"width": 360, "height": 740}, {"width": 1440, "height": 900}
PATIENCE_MS = PATIENCE_S * 1000
STARTS_MAX = 5  # a free port may be somebody else's by the time that it is opened

needs_chromium = pytest.mark.skipif(
    not CHROMIUM.exists(), reason="there is no /usr/bin/chromium (Debian's package chromium)"
)


class Here:
    """A simulated TWS with a cockpit before it."""

    def __init__(self, world: Simulated, url: str) -> None:
        self.world = world
        self.home = world.home
        self.url = url

    def is_flat(self) -> bool:
        return all(login.flat for login in self.world.truth().logins.values())

    def kills(self) -> int:
        """How many were started from the cockpit."""
        return len(list((self.home / "web" / "kills").glob("*.out")))


def until(what: Callable[[], bool], text: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.05)
    raise AssertionError(text)


def answers(url: str) -> bool:
    with socket.socket() as caller:
        caller.settimeout(1)
        return caller.connect_ex(("127.0.0.1", int(url.rsplit(":", 1)[1]))) == 0


def guard_sees_everything(home: Path) -> bool:
    try:
        told = ask(home, Request("status"))
    except NoGuard:
        return False
    logins = told.get("logins", {})
    return bool(logins) and all(one["connected"] and one["position_list"] is not None for one in logins.values())


def guard_knows_the_limits(home: Path) -> bool:
    with contextlib.suppress(NoGuard):
        logins = ask(home, Request("status"))["logins"].values()
        return all(limit["loss"] is not None for one in logins for limit in one["limits"]["limits"])
    return False


def press(url: str) -> None:
    """The kill as a form sends it, without a browser."""
    with httpx.Client(base_url=url, timeout=PATIENCE_S) as caller:
        page = caller.get("/").text
        found = re.search(r'name="form_token" value="([^"]+)"', page)
        assert found is not None
        assert caller.post("/kill", data={"form_token": found[1], "reason": "a test"}).status_code == 303


@contextmanager
def process(*words: str, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (home / f"{words[0]}.log").open("ab") as log:
        started = start_qe(*words, home=home, stdout=log, stderr=log)
        try:
            yield started
        finally:
            started.send_signal(signal.SIGTERM)
            started.wait(PATIENCE_S)


@contextmanager
def serving(home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The cockpit, once it answers."""
    with process("web", f"--port={port}", home=home) as started:
        until(lambda: answers(f"http://127.0.0.1:{port}") or started.poll() is not None, "the cockpit did not start")
        yield started


@contextmanager
def cockpit(*, guard: bool, extra: str = "", scenario: str = "calm") -> Iterator[Here]:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder, contextlib.ExitStack() as stack:
        home = Path(folder)
        world = stack.enter_context(simulated(scenario, home))
        world.config(extra)
        for _ in range(STARTS_MAX):
            port = free_port()
            if stack.enter_context(serving(home, port)).poll() is None:
                break
        if guard:
            stack.enter_context(process("guard", "run", home=home))
            until(lambda: guard_sees_everything(home), "the guard did not see everything")
        yield Here(world, f"http://127.0.0.1:{port}")


@contextmanager
def opened(chromium: Any, **options: Any) -> Iterator[Any]:
    """A page in a browser of its own, patient."""
    with chromium.new_context(**options) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context.new_page()


def clock_in_hand(page: Any, url: str) -> None:
    """The page's own clock stands still until it is moved (`page.clock.run_for`): a hold is as long as a test says."""
    page.clock.install(time=0)
    page.goto(url)
    page.clock.pause_at(60_000)

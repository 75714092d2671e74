"""`web.with_guard`: the real guard and its cockpit, and each of them killed."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import urllib.request
from pathlib import Path

import pytest

from cli.simulated import simulated
from ports import free_port
from web.browser import answers, guard_sees_everything, process, until

pytestmark = pytest.mark.slow


def page(url: str) -> str:
    """The overview; empty while nobody answers."""
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())
    return ""


def listener(port: int) -> int:
    """The process that listens there: Linux tells by its sockets."""
    wanted = f":{port:04X}"
    inodes = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1].endswith(wanted) and line.split()[3] == "0A"
    }
    for path in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(path.readlink()) in {f"socket:[{one}]" for one in inodes}:
                return int(path.parts[2])
    return 0


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells here which process listens")
def test_each_outlives_the_other_and_the_guard_starts_its_cockpit_again() -> None:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder, simulated("calm", Path(folder)) as world:
        home, port = Path(folder), free_port()
        url = f"http://127.0.0.1:{port}"
        world.config(f"[web]\nport = {port}\nwith_guard = true\n")
        with process("guard", "run", home=home) as guard:
            until(lambda: guard_sees_everything(home) and answers(url), "they did not come up")
            first = listener(port)
            os.kill(first, signal.SIGKILL)
            until(lambda: listener(port) not in (0, first), "the cockpit was not started again")
            assert guard_sees_everything(home)
            until(lambda: "The guard watches" in page(url), "the cockpit does not show the guard")
            guard.send_signal(signal.SIGKILL)
            guard.wait()
            second = listener(port)
            until(lambda: "HAS DIED" in page(url), "the cockpit does not say that the guard is gone")
        with process("guard", "run", home=home):
            until(lambda: guard_sees_everything(home), "the guard did not come back")
            until(lambda: "The guard watches" in page(url), "the cockpit does not show the new guard")
            assert listener(port) == second
            os.kill(second, signal.SIGTERM)
            until(lambda: listener(port) not in (0, second), "the cockpit was not started again")
        until(lambda: listener(port) == 0, "the cockpit did not end with the guard")

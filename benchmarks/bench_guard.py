"""The guard: how soon after a breach on the wire its first cancel is there, and how a silent engine is met in time.

Each round starts a guard in a process of its own beside a simulated TWS in this one. The breach's moment is that of
the first profit-and-loss message behind the fall of the price, as it is handed to the socket; the cancel's is when its
bytes have been decoded here. Both by one clock. Run it on an idle machine: what is waited for is processor time.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from _table import Row, show
from engine.broker.closing_right import SIMULATED_WORLD
from engine.guard.control import NoGuard, Request, ask
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.simulator.server import World
from engine.simulator.server.log import Entry
from engine.simulator.server.naming import find_contract
from engine.trading.heartbeats import FOLDER
from engine.wire.replies import PnL
from engine.wire.requests import ReqGlobalCancel

ROUNDS = 15
PATIENCE_S = 30.0
HALT_S = 2.0
SCENARIO = """
title = "One position"
story = "400 AAPL at 150 and cash: a fall of 40 dollars is sixteen percent of the account."
start = {start}
moves = false

[expect]
paper = "flat"
text = "Everything is closed."

[[markets]]
contract = "AAPL"
price = 150

[[logins]]
name = "paper"
mode = "paper"

[[logins.accounts]]
id = "DU1234567"
cash = 40000
positions = [{{ contract = "AAPL", quantity = 400 }}]
"""


class Watcher:
    """Sees every message of the login, with the time of this process's clock."""

    def __init__(self, world: World) -> None:
        self.told_ns: int | None = None
        self.cancelled_ns: int | None = None
        self.cancelled = asyncio.Event()
        self._armed = False
        world.log.watch(self._see)

    def arm(self) -> None:
        self._armed = True

    def _see(self, entry: Entry) -> None:
        if not self._armed:
            return
        if isinstance(entry.message, PnL) and self.told_ns is None:
            self.told_ns = time.monotonic_ns()
        elif isinstance(entry.message, ReqGlobalCancel) and self.cancelled_ns is None:
            self.cancelled_ns = time.monotonic_ns()
            self.cancelled.set()


@asynccontextmanager
async def guarded(folder: Path) -> AsyncIterator[tuple[World, Path]]:
    """A world, and a guard that knows the login's limits."""
    page = folder / "world.toml"
    page.write_text(SCENARIO.format(start=datetime.now(UTC).isoformat(timespec="seconds")))
    world = build_world(load_scenario(page), ports={"paper": (0,)})
    async with world:
        port = world.login("paper").ports[0]
        login = f'[logins.paper]\nmode = "paper"\nport = {port}\n'
        silence = f"[guard]\nheartbeat_tell_s = 1\nheartbeat_halt_s = {HALT_S}\n"
        (folder / "quant-engine.toml").write_text(login + silence)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "QE_HOME": str(folder),
            "QE_INCIDENT_LOG": str(folder / "log.md"),
            SIMULATED_WORLD: str(folder),
        }
        command = [sys.executable, "-m", "engine.cli", "guard", "run", "--config", str(folder / "quant-engine.toml")]
        guard = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            await until(folder, sees)
            yield world, folder
        finally:
            guard.send_signal(signal.SIGTERM)
            await guard.wait()


def sees(login: dict[str, Any]) -> bool:
    """Its losses are known, the circuit breaker's among them."""
    limits = login["limits"]["limits"]
    return bool(limits) and limits[-1]["loss"] is not None


async def until(folder: Path, holds: Any) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            told = await asyncio.to_thread(ask, folder, Request("status"))
        except NoGuard:
            told = {}
        if told and holds(told["logins"]["paper"]):
            return
        await asyncio.sleep(0.01)
    raise RuntimeError("the guard did not come to that")


async def breach(folder: Path) -> float:
    """Milliseconds from the breach's message to the first cancel's."""
    async with guarded(folder) as (world, _):
        watcher, server = Watcher(world), world.login("paper").server
        con_id = find_contract(server.exchange.catalogue, "AAPL").con_id
        await asyncio.sleep(1.5)
        watcher.arm()
        server.act(lambda now_ns: server.exchange.set_price(now_ns, con_id, Decimal(110)))
        await asyncio.wait_for(watcher.cancelled.wait(), PATIENCE_S)
        assert watcher.told_ns is not None and watcher.cancelled_ns is not None
        return (watcher.cancelled_ns - watcher.told_ns) / 1e6


async def silence(folder: Path) -> float:
    """Seconds beyond the configured time until a silent engine's login is halted."""
    async with guarded(folder):
        (folder / FOLDER).mkdir(exist_ok=True)
        (folder / FOLDER / "engine").touch()
        touched = time.monotonic()
        await until(folder, lambda login: login["state"] == "halt")
        return time.monotonic() - touched - HALT_S


def rounds(measure: Any, count: int) -> list[float]:
    found = []
    for _ in range(count):
        with tempfile.TemporaryDirectory(prefix="qe-") as folder:
            found.append(asyncio.run(measure(Path(folder))))
    return found


def main() -> int:
    breaches, silences = rounds(breach, ROUNDS), rounds(silence, 3)
    ordered = sorted(breaches)
    rows = [
        Row("breach on the wire → first cancel, median, ms", statistics.median(breaches), None),
        Row(f"breach on the wire → first cancel, worst of {ROUNDS}, ms", ordered[-1], 50.0),
        Row("silent engine → halted, beyond its time, worst of 3, s", max(silences), 1.0),
    ]
    return show(f"The guard, Python {sys.version.split()[0]}", rows)


if __name__ == "__main__":
    sys.exit(main())

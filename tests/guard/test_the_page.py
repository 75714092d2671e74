"""Sections of the emergency page that need a guard in a process of its own: the limits table over real sockets, and the
unresponsive system in the order in which the page has its steps.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.simulated import PATIENCE_S, qe, start_qe
from engine.desk.exchange_truth import crossings
from engine.guard.control import NoGuard, Request, ask
from engine.simulator import virtual
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from guard.test_unresponsive_engine import beating, engine, guarded, until
from trading.loss_stage import SCENARIO, WEDNESDAY, Market

D = Decimal
TABLE = [  # dollars of 100 000; what holds then beside what held before
    (2_000, ("halt", "daily_loss")),
    (5_000, ("size_factor", "weekly_loss")),
    (10_000, ("halt", "monthly_loss")),
    (15_000, ("shutdown", "circuit_breaker")),
]


@pytest.fixture
def home() -> Iterator[Path]:
    """A state folder whose path fits into a socket's name."""
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        yield Path(folder)


@contextmanager
def guard_process(home: Path) -> Iterator[None]:
    with (home / "guard.out").open("wb") as out:
        guard = start_qe("guard", "run", home=home, stdout=out, stderr=out)
        try:
            yield
        finally:
            guard.kill()  # its kill may wait for the TWS on this very loop
            guard.wait(timeout=PATIENCE_S)


async def seen(home: Path, loss: Decimal) -> None:
    """The guard has judged exactly this loss."""
    end, told = time.monotonic() + PATIENCE_S, dict[str, Any]()
    while time.monotonic() < end:
        try:
            told = await asyncio.to_thread(ask, home, Request("status"))
        except NoGuard:
            told = {"logins": {}}
        limits = told["logins"].get("paper", {}).get("limits", {}).get("limits", [])
        if limits and limits[0]["loss"] is not None and D(limits[0]["loss"]) == loss:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"it never came to {loss}: {told}")


async def standing(home: Path, wanted: tuple[str, str] | None = None) -> set[tuple[str, str]]:
    """What holds the login, as `qe status` tells it; asked again until this holds, too."""
    held: set[tuple[str, str]] = set()
    for _ in range(30):
        done = await asyncio.to_thread(lambda: qe("status", "--json", home=home))
        told = json.loads(done.stdout)["logins"]["paper"]["standing"]
        held = {(one["kind"], one["cause"]) for one in told}
        if wanted is None or wanted in held:
            break
    return held


def test_the_limits_table_by_a_guard_in_its_own_process_to_the_cent(home: Path) -> None:
    page = home / "world.toml"
    page.write_text(SCENARIO.format(start=WEDNESDAY, orders="", faults="[]"))

    async def main() -> None:
        async with build_world(load_scenario(page), ports={"paper": (0,)}) as world:
            market, login = Market(world), world.login("paper")
            (home / "quant-engine.toml").write_text(f'[logins.paper]\nmode = "paper"\nport = {login.ports[0]}\n')
            with guard_process(home):
                await seen(home, D(0))
                before: set[tuple[str, str]] = set()
                for dollars, row in TABLE:
                    market.lose(D(dollars) - D("0.01"))
                    await seen(home, D(dollars) - D("0.01"))
                    assert await standing(home) == before
                    market.lose(dollars)
                    now = await standing(home, row)
                    assert now - {("shutdown", "kill_switch")} == before | {row}
                    before = now
                await virtual.until(login.is_flat, limit_s=PATIENCE_S)
                assert crossings(login.exchange.movements(), login.positions()) == []

    asyncio.run(main())
    log = (home / "INCIDENT_LOG.md").read_text()
    assert "daily_loss" in log or "daily loss" in log


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="only there a process can be frozen")
@pytest.mark.parametrize("way", ["hang", "freeze"])
def test_the_unresponsive_system_step_by_step_while_the_engine_holds_its_client_id(home: Path, way: str) -> None:
    with guarded(home) as world, engine(home, world.before.logins["paper"].port, "hang") as process:
        until(home, beating)
        if way == "freeze":
            os.kill(process.pid, signal.SIGSTOP)
        until(home, lambda told: bool(told["engines"]) and told["engines"][0]["silent_s"] >= 1.0)
        killed = qe("kill", home=home)  # 1. pull the kill switch anyway
        alive_then = process.poll() is None
        stopped = qe("engines", "stop", "--all", home=home)  # 2. stop the engine, and only the engine
        told = until(home, lambda told: not told["logins"]["paper"]["killing"])
        gone = process.wait(timeout=PATIENCE_S)
        truth = world.truth()
    assert killed.returncode == 0, killed.stdout
    assert alive_then
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert gone < 0
    assert all(login.flat and not login.crossings for login in truth.logins.values())
    assert all(login["connected"] for login in told["logins"].values())  # the guard is still there

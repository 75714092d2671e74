"""A simulated world and a manager over it, in virtual time, with everything injected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from engine.core.kill.settings import SECOND, KillSettings
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop, run
from engine.trading import IBKRAccountManager, TradingMode
from engine.trading.manager import ManagerSettings

T = TypeVar("T")
PAPER_PORT, LIVE_PORT = 7497, 7496


def kill_ids(prefix: str = "k") -> Callable[[], str]:
    """k1, k2, …"""
    numbers: Iterator[int] = iter(range(1, 1000))
    return lambda: f"{prefix}{next(numbers)}"


def manager(loop: VirtualLoop, locks: Path, *, deadline_s: float = 60, prefix: str = "k") -> IBKRAccountManager:
    """Both logins, at their default places."""
    made = IBKRAccountManager(
        settings=ManagerSettings(kill=KillSettings(deadline_ns=int(deadline_s * SECOND))),
        wall_ns=loop.wall_ns,
        kill_ids=kill_ids(prefix),
        lock_directory=locks,
    )
    made.add_account("paper", TradingMode.PAPER)
    made.add_account("live", TradingMode.LIVE)
    return made


def stage(
    scenario: str,
    test: Callable[[World, VirtualLoop], Awaitable[T]],
    *,
    strict: bool = True,
    more_live_ports: tuple[int, ...] = (),
) -> T:
    """Run a test beside a scenario, on the default ports."""

    async def main(loop: VirtualLoop) -> T:
        ports = {"paper": (PAPER_PORT,), "live": (LIVE_PORT, *more_live_ports)}
        world = build_world(load_scenario(scenario), ports=ports, loop=loop)
        async with world:
            return await test(world, loop)

    return run(main, limit_s=3600, strict=strict)

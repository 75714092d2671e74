"""A simulated world and a manager over it, in virtual time, with everything injected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from msgspec import structs

from engine.config.limits_table import LimitsTable
from engine.core.kill.settings import SECOND, KillSettings
from engine.core.preflight.settings import Settings
from engine.simulator.build import build_world
from engine.simulator.scenario import LoginPlan, load_scenario
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop, run
from engine.trading import IBKRAccountManager, TradingMode
from engine.trading.manager import ManagerSettings
from engine.trading.rules import Rules
from trading.rules_in_memory import rules_in_memory

T = TypeVar("T")
PAPER_PORT, LIVE_PORT = 7497, 7496


def kill_ids(prefix: str = "k") -> Callable[[], str]:
    """k1, k2, …"""
    numbers: Iterator[int] = iter(range(1, 1000))
    return lambda: f"{prefix}{next(numbers)}"


def manager(
    loop: VirtualLoop,
    locks: Path,
    *,
    deadline_s: float = 60,
    prefix: str = "k",
    rules: Rules | None = None,
    preflight: Settings | None = None,
    limits: LimitsTable | None = None,
) -> IBKRAccountManager:
    """Both logins, at their default places. Their losses are watched if `limits` are given."""
    made = IBKRAccountManager(
        settings=ManagerSettings(
            kill=KillSettings(deadline_ns=int(deadline_s * SECOND)), enforce_limits=limits is not None
        ),
        wall_ns=loop.wall_ns,
        kill_ids=kill_ids(prefix),
        lock_directory=locks,
        rules=rules or rules_in_memory(loop.wall_ns),
        preflight=preflight,
        limits=limits,
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
    same_account: str = "",
) -> T:
    """Run a test beside a scenario, on the default ports. `same_account`: what every login calls its account."""

    async def main(loop: VirtualLoop) -> T:
        ports = {"paper": (PAPER_PORT,), "live": (LIVE_PORT, *more_live_ports)}
        plan = load_scenario(scenario)
        if same_account:
            plan = structs.replace(plan, logins=tuple(_renamed(login, same_account) for login in plan.logins))
        world = build_world(plan, ports=ports, loop=loop)
        async with world:
            return await test(world, loop)

    return run(main, limit_s=3600, strict=strict)


def _renamed(login: LoginPlan, account: str) -> LoginPlan:
    (only,) = login.accounts
    orders = tuple(structs.replace(order, account="") for order in login.orders)
    return structs.replace(login, accounts=(structs.replace(only, id=account),), orders=orders)

"""A kill through the public manager against a whole simulated world, in virtual time, judged by the exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import msgspec

from engine.core.kill.commands import CLOSE_REF_PREFIX
from engine.core.kill.settings import SECOND, KillSettings
from engine.simulator.build import build_world
from engine.simulator.scenario import Scenario
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop, run
from engine.trading import IBKRAccountManager, KillReport, TradingMode
from engine.trading.manager import ManagerSettings
from trading.rules_in_memory import rules_in_memory

ZERO = Decimal(0)
MODES = {"paper": TradingMode.PAPER, "live": TradingMode.LIVE}


@dataclass
class Judged:
    """What one rehearsal came to."""

    report: KillReport
    seconds: float  # from the press to the report
    flat: dict[str, bool]  # by the exchange's truth at the moment of the report
    crossings: list[str] = field(default_factory=list)
    grown: list[str] = field(default_factory=list)  # positions that grew or changed sides, by anybody's fill


def rehearse(
    scenario: Scenario,
    locks: Path,
    *,
    seed: int = 1,
    version: int | None = None,
    deadline_s: float = 120.0,
    clock_off_s: int = 0,
    begin: Callable[[World], None] | None = None,
    act: Callable[[IBKRAccountManager, World], asyncio.Future[None] | None] | None = None,
) -> Judged:
    """Build the scenario's world, wait as it says, pull the switch, and compare the report with the truth.

    `clock_off_s`: how far the clock of the machine that kills is ahead of the broker's. `begin`: what starts with the
    world, `act`: what starts with the press.
    """

    async def main(loop: VirtualLoop) -> Judged:
        world = build_world(scenario, ports={"paper": (0,), "live": (0,)}, loop=loop)
        if version is not None:
            for login in world.logins.values():
                login.server.options = msgspec.structs.replace(login.server.options, version_max=version)
        async with world:
            before = {name: dict(login.positions()) for name, login in world.logins.items()}
            kill = KillSettings(deadline_ns=round(deadline_s * SECOND))
            manager = IBKRAccountManager(
                settings=ManagerSettings(kill=kill),
                wall_ns=loop.wall_ns,
                lock_directory=locks,
                rules=rules_in_memory(loop.wall_ns),
            )
            for name, login in world.logins.items():
                manager.add_account(name, MODES[name], port=login.ports[0])
            if begin is not None:
                begin(world)
            await asyncio.sleep(scenario.kill_after_s)
            if act is not None:
                act(manager, world)
            pressed = loop.time()
            report = await manager.kill_switch_all("rehearsal")
            judged = Judged(
                report=report,
                seconds=loop.time() - pressed,
                flat={name: world.login(name).is_flat() for name in manager.logins},
            )
            for name in manager.logins:
                _follow(judged, world, name, before[name], f"{CLOSE_REF_PREFIX}-{report.kill_id}")
            await manager.disconnect_all()
            return judged

    start_ns = scenario.start_ns + clock_off_s * SECOND
    return run(main, seed=seed, start_ns=start_ns, limit_s=scenario.deadline_s + 300)


def _follow(judged: Judged, world: World, name: str, before: dict[tuple[str, int], Decimal], refs: str) -> None:
    """Go through the exchange's own sequence of fills: ours may only bring a position nearer to zero."""
    positions = dict(before)
    for moved in world.login(name).exchange.movements():
        key = (moved.account, moved.con_id)
        was = positions.get(key, ZERO)
        now = positions[key] = was + moved.signed
        what = f"{name} {key}: {was} -> {now} by {moved.order_ref or 'an order without a reference'}"
        if was * now < ZERO or abs(now) > abs(was):
            judged.grown.append(what)
            if moved.order_ref.startswith(refs):
                judged.crossings.append(what)

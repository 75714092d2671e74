"""A guard over a simulated world, in virtual time, with a manager beside it as the engine it watches."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.config.guard_table import AlertsTable, GuardTable
from engine.config.limits_table import LimitsTable
from engine.config.model import Config, default_config
from engine.core.alerting import Message
from engine.core.kill.settings import SECOND, KillSettings
from engine.guard.guard import Guard, Outside, add_logins
from engine.journal import chain
from engine.journal.memory_store import Memory
from engine.simulator.build import build_world
from engine.simulator.exchange import Holding
from engine.simulator.scenario import load_scenario
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop, run
from engine.trading import IBKRAccountManager
from engine.trading.manager import ManagerSettings
from trading.loss_stage import SCENARIO, WEDNESDAY, Market
from trading.rules_in_memory import rules_in_memory
from trading.stage import PAPER_PORT, kill_ids, manager, stage

SPY = 756733


class Post:
    """What a test has at hand: the world, the guard, what it has told and logged, and an engine of its own."""

    def __init__(self, world: World, loop: VirtualLoop, home: Path, config: Config, memory: Memory) -> None:
        self.world, self.loop, self.home, self.memory = world, loop, home, memory
        self.messages: list[Message] = []
        self.lines: list[str] = []
        self.deaf: str | None = None  # why the channel takes nothing
        self.pings: list[tuple[float, str]] = []  # when, and where to
        rules = rules_in_memory(loop.wall_ns, memory, prefix="g")
        self.manager = IBKRAccountManager(
            settings=ManagerSettings(heartbeat=False, trades=False, kill=KillSettings(deadline_ns=60 * SECOND)),
            wall_ns=loop.wall_ns,
            kill_ids=kill_ids("g"),
            lock_directory=home,
            home=home,
            rules=rules,
            limits=config.limits,
        )
        add_logins(self.manager, config)
        outside = Outside(wall_ns=loop.wall_ns, monotonic_ns=loop.wall_ns, channels=(self,), ping=self._ping)
        page = Path(os.environ["QE_INCIDENT_LOG"])
        self.guard = Guard(config, self.manager, home, page, outside=outside, log=self.lines.append, callable_=False)
        self.ended = asyncio.Event()

    def _ping(self, url: str) -> str | None:
        self.pings.append((self.loop.time(), url))
        return None

    name = "a test's channel"

    def send(self, message: Message) -> str | None:
        if self.deaf is None:
            self.messages.append(message)
        return self.deaf

    def engine(self) -> IBKRAccountManager:
        """A program that trades on the same logins, under client ids of its own, with the same journal."""
        rules = rules_in_memory(self.loop.wall_ns, self.memory, prefix="e")
        return manager(self.loop, self.home, rules=rules, prefix="e")

    def events(self, kind: type) -> list[object]:
        return [event for one in self.memory.records if isinstance(event := chain.opened(one).event, kind)]

    def titles(self) -> list[str]:
        return [message.title for message in self.messages]

    def appear(self, name: str, quantity: int) -> None:
        """A position is there, and nobody's order made it."""
        server = self.world.login(name).server
        account = server.exchange.accounts[0]
        holding = Holding(SPY, Decimal(quantity), Decimal(600))
        server.act(lambda now_ns: server.exchange.add_holding(now_ns, account, holding))

    def beat(self, name: str = "engine") -> None:
        """What `touch` does, with a time that is sure to differ."""
        folder = self.home / "heartbeats"
        folder.mkdir(exist_ok=True)
        (folder / name).touch()
        os.utime(folder / name, ns=(self.loop.wall_ns(), self.loop.wall_ns()))


def post(
    home: Path,
    test: Callable[[Post], Awaitable[None]],
    *,
    scenario: str = "calm",
    memory: Memory | None = None,
    limits: LimitsTable | None = None,
    alerts: AlertsTable | None = None,
    away: str = "",
    **guard: object,
) -> Post:
    """Run a test beside a guard that is connected, unless the scenario keeps it from that. `away`: a login whose TWS is
    not running.
    """
    config = msgspec.structs.replace(
        default_config(),
        guard=msgspec.structs.replace(GuardTable(verify_every_s=0), **guard),
        limits=limits or LimitsTable(),
        alerts=alerts or AlertsTable(),
    )
    made: list[Post] = []

    async def main(world: World, loop: VirtualLoop) -> None:
        here = Post(world, loop, home, config, Memory() if memory is None else memory)
        made.append(here)
        if away:
            server = world.login(away).server
            ports = server.ports
            await server.stop()
            server.ports = ports
        running = asyncio.create_task(here.guard.run(here.ended))
        try:
            await asyncio.sleep(5)
            await test(here)
        finally:
            here.ended.set()
            await running

    stage(scenario, main)
    return made[0]


class Exactly(NamedTuple):
    """A guard over one login that is worth exactly 100 000, and the hand that sets what it is worth."""

    post: Post
    market: Market


def exactly(
    home: Path,
    test: Callable[[Exactly], Awaitable[None]],
    *,
    start: str = WEDNESDAY,
    limit_s: float = 24 * 3600.0,
    version: int | None = None,
    **guard: object,
) -> Post:
    """Run a test beside a guard of the paper login of `trading.loss_stage` alone. `version`: the newest that its TWS
    speaks.
    """
    page = home / "exactly.toml"
    page.write_text(SCENARIO.format(start=start, orders="", faults="[]"))
    plan, config = load_scenario(page), default_config()
    config = msgspec.structs.replace(
        config, logins=config.logins[:1], guard=msgspec.structs.replace(GuardTable(), **guard)
    )
    made: list[Post] = []

    async def main(loop: VirtualLoop) -> None:
        world = build_world(plan, ports={"paper": (PAPER_PORT,)}, loop=loop)
        if version is not None:
            server = world.login("paper").server
            server.options = msgspec.structs.replace(server.options, version_max=version)
        async with world:
            here = Post(world, loop, home, config, Memory())
            made.append(here)
            running = asyncio.create_task(here.guard.run(here.ended))
            try:
                await asyncio.sleep(20)
                await test(Exactly(here, Market(world)))
            finally:
                here.ended.set()
                await running

    run(main, limit_s=limit_s, start_ns=plan.start_ns)
    return made[0]

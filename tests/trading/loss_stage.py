"""A paper login worth exactly 100 000, whose worth a test sets to the cent, and a manager that watches it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.config.limits_table import LimitsTable
from engine.core.kill.settings import SECOND, KillSettings
from engine.core.limit_rules import Limit
from engine.core.restrictions import Restriction
from engine.journal import chain
from engine.journal.events import AnyEvent, LimitBreached, Restricted
from engine.journal.memory_store import Memory
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.simulator.server import World
from engine.simulator.server.naming import find_contract
from engine.simulator.virtual import VirtualLoop, run
from engine.trading import IBKRAccountManager, TradingMode
from engine.trading.manager import ManagerSettings
from engine.trading.rules import Rules
from trading.rules_in_memory import rules_in_memory
from trading.stage import PAPER_PORT, kill_ids

T = TypeVar("T")
D = Decimal
ACCOUNT = "DU1234567"
SHARES, PRICE = 400, D(150)
SCENARIO = """
title = "Exactly 100 000"
story = "400 AAPL at 150, one MSFT at 400, the rest in cash. Prices move only when a test says so."
start = {start}
moves = false
faults = {faults}

[expect]
paper = "flat"
text = "Everything is closed."

[[markets]]
contract = "AAPL"
price = 150

[[markets]]
contract = "MSFT"
price = 400

[[logins]]
name = "paper"
mode = "paper"

[[logins.accounts]]
id = "DU1234567"
cash = 39600
positions = [{{ contract = "AAPL", quantity = 400 }}, {{ contract = "MSFT", quantity = 1 }}]
{orders}
"""
WEDNESDAY = "2026-03-11T10:30:00-04:00"


class Market:
    """The hand that sets what the login is worth."""

    def __init__(self, world: World) -> None:
        self.login = world.login("paper")
        catalogue = self.login.exchange.catalogue
        self._aapl, self._msft = (find_contract(catalogue, name).con_id for name in ("AAPL", "MSFT"))

    def lose(self, dollars: Decimal | int) -> None:
        """From now on the login is worth 100 000 less this (and what was deposited)."""
        loss = D(dollars)
        cents = loss % 4  # a price step of AAPL, one cent, is four dollars
        self._set(self._aapl, PRICE - (loss - cents) / SHARES)
        self._set(self._msft, D(400) - cents)

    def deposit(self, amount: Decimal | int) -> None:
        exchange = self.login.exchange
        self.login.server.act(lambda now_ns: exchange.deposit(now_ns, ACCOUNT, D(amount)))

    @property
    def worth(self) -> Decimal:
        return self.login.exchange.account_values(ACCOUNT).net_liquidation

    def _set(self, con_id: int, price: Decimal) -> None:
        exchange = self.login.exchange
        self.login.server.act(lambda now_ns: exchange.set_price(now_ns, con_id, price))


def watching(
    loop: VirtualLoop,
    locks: Path,
    memory: Memory | None = None,
    *,
    table: LimitsTable | None = None,
    client_id: int = 1,
    prefix: str = "k",
    enforce: bool = True,
    rules: Rules | None = None,
) -> IBKRAccountManager:
    """A manager of the paper login. Managers that share a `memory` share a journal, as two programs do."""
    made = IBKRAccountManager(
        settings=ManagerSettings(kill=KillSettings(deadline_ns=60 * SECOND), enforce_limits=enforce),
        wall_ns=loop.wall_ns,
        kill_ids=kill_ids(prefix),
        lock_directory=locks,
        rules=rules or rules_in_memory(loop.wall_ns, memory, prefix=f"r{prefix}"),
        limits=table or LimitsTable(),
    )
    made.add_account("paper", TradingMode.PAPER, client_id=client_id)
    return made


def on_stage(
    test: Callable[[World, VirtualLoop, Market], Awaitable[T]],
    tmp_path: Path,
    *,
    start: str = WEDNESDAY,
    orders: str = "",
    faults: str = "[]",
    limit_s: float = 5 * 24 * 3600,
    version: int | None = None,
) -> T:
    """Run a test beside that login. `version`: the newest that its TWS speaks."""
    page = tmp_path / "exactly.toml"
    page.write_text(SCENARIO.format(start=start, orders=orders, faults=faults))

    async def main(loop: VirtualLoop) -> T:
        world = build_world(load_scenario(page), ports={"paper": (PAPER_PORT,)}, loop=loop)
        if version is not None:
            server = world.login("paper").server
            server.options = msgspec.structs.replace(server.options, version_max=version)
        async with world:
            return await test(world, loop, Market(world))

    plan = load_scenario(page)
    return run(main, limit_s=limit_s, start_ns=plan.start_ns)


# what was written down ------------------------------------------------------------------------------------------------


def events(memory: Memory) -> list[AnyEvent]:
    """Everything that was written down, as anybody who opens the journal reads it."""
    return [chain.opened(one).event for one in memory.records]


def breaches(memory: Memory) -> list[Limit]:
    return [Limit(one.limit) for one in events(memory) if isinstance(one, LimitBreached)]


def restrictions(memory: Memory) -> list[Restriction]:
    return [one.restriction for one in events(memory) if isinstance(one, Restricted)]

"""A gateway over a simulated world, in virtual time, with bare clients that connect to it as to TWS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import structs

from engine.config.gateway_table import GatewayTable
from engine.core.contracts import Contract
from engine.core.preflight.settings import DEFAULTS, Settings
from engine.gateway.absences import Telling
from engine.gateway.gateway import Gateway
from engine.journal.gate import LocalGate
from engine.journal.memory_store import Memory
from engine.simulator.build import build_world
from engine.simulator.faults import AnyFault
from engine.simulator.scenario import load_scenario
from engine.simulator.server import Login, World
from engine.simulator.server.naming import find_contract
from engine.simulator.virtual import VirtualLoop, run
from engine.trading.entries import LoginConfig
from engine.trading.modes import TradingMode
from engine.trading.order_settings import OrderSettings
from engine.trading.rules import Passage, Rules
from engine.wire.order import Order
from engine.wire.replies import ErrorMessage, OpenOrder, OrderStatus
from engine.wire.requests import PlaceOrder
from simulator.wire_client import WireClient, connect
from trading.rules_in_memory import rules_in_memory
from trading.stage import LIVE_PORT, PAPER_PORT

DOOR = 7597
ACCOUNT = "DU1234567"
SPY = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
AAPL = Contract(con_id=265598, symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")


class Post:
    """What a test has at hand: the world, the gateway, its journal, and what it has logged."""

    def __init__(
        self,
        world: World,
        loop: VirtualLoop,
        home: Path,
        *,
        table: GatewayTable = GatewayTable(),  # noqa: B008 frozen
        settings: Settings = DEFAULTS,
        gate: Passage | None = None,
        port: int = PAPER_PORT,
        found: OrderSettings | None = None,
        tell: Telling | None = None,
    ) -> None:
        self.world, self.loop, self.memory = world, loop, Memory()
        self.lines: list[str] = []
        self.gate = gate or LocalGate()
        self.rules: Rules = rules_in_memory(loop.wall_ns, self.memory, gate=self.gate, prefix="g")
        login = LoginConfig(name="paper", mode=TradingMode.PAPER, host="127.0.0.1", port=port, client_id=1)
        self.gateway = Gateway(
            {login: DOOR},
            table,
            found or OrderSettings(settings),
            self.rules,
            home=home,
            wall_ns=loop.wall_ns,
            clock=loop.time,
            log=self.lines.append,
            tell=tell,
        )

    @property
    def login(self) -> Login:
        """The simulated TWS."""
        return self.world.login("paper")

    @property
    def desk(self) -> Any:
        return self.gateway.doors[0].desk

    def halt(self, reason: str = "test") -> None:
        self.rules.halt(self.desk.entry.scope, reason)

    async def client(self, client_id: int = 21, **session: Any) -> WireClient:
        """One that is connected through the gateway."""
        return await connect(DOOR, client_id, **session)

    async def warm(self) -> None:
        """Until the gateway knows the account."""
        client = await connect(DOOR, 99)
        while self.desk.warming_up:
            await client.until(lambda: True)
            await _moment()
        client.transport.close()


async def _moment() -> None:
    await asyncio.sleep(0.05)


def post(
    tmp_path: Path,
    test: Callable[[Post], Awaitable[Any]],
    *faults: AnyFault,
    scenario: str = "calm",
    warm: bool = True,
    limit_s: float = 3600,
    **options: Any,
) -> Any:
    """Run a test beside a gateway that knows the account."""

    async def main(loop: VirtualLoop) -> Any:
        plan = load_scenario(scenario)
        plan = structs.replace(plan, faults=(*plan.faults, *faults))
        world = build_world(plan, ports={"paper": (PAPER_PORT,), "live": (LIVE_PORT,)}, loop=loop)
        async with world:
            made = Post(world, loop, tmp_path, **options)
            await made.gateway.open()
            if warm:
                await made.warm()
            try:
                return await test(made)
            finally:
                await made.gateway.close()
                await _moment()

    return run(main, limit_s=limit_s)


def order(
    order_id: int,
    contract: Contract | str,
    action: str,
    quantity: int | str,
    limit: int | str | None = None,
    **fields: Any,
) -> PlaceOrder:
    """As a client sends it."""
    if limit is not None:
        fields = {"order_type": "LMT", "lmt_price": Decimal(limit), **fields}
    assert isinstance(contract, Contract)
    usual = {"action": action, "total_quantity": Decimal(quantity), "order_type": "MKT", "tif": "DAY"}
    return PlaceOrder(order_id, contract, Order(**usual | fields))  # type: ignore[arg-type]


def listed(login: Login, text: str) -> Contract:
    """By its id and exchange."""
    found = find_contract(login.exchange.catalogue, text).contract
    return Contract(con_id=found.con_id, symbol=found.symbol, sec_type=found.sec_type, exchange=found.exchange)


def statuses(client: WireClient, order_id: int) -> list[str]:
    return [one.status for one in client.of(OrderStatus) if one.order_id == order_id]


def told(client: WireClient, order_id: int) -> list[ErrorMessage]:
    return [one for one in client.of(ErrorMessage) if one.req_id == order_id]


def shown(client: WireClient, order_id: int) -> list[OpenOrder]:
    return [one for one in client.of(OpenOrder) if one.order_id == order_id]

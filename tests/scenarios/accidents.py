"""A program beside a simulated TWS in which something is wrong, and what came of it at the exchange. Virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from engine.core.contracts import Contract
from engine.core.preflight.settings import Settings
from engine.journal.memory_store import Memory
from engine.simulator.build import build_world
from engine.simulator.scenario import AccountSetup, LoginPlan, PositionSetup, Scenario, load_scenario
from engine.simulator.server import Login, World
from engine.simulator.server.naming import find_contract
from engine.simulator.virtual import VirtualLoop, run
from engine.trading import IBKRAccountManager, TradingMode
from engine.wire.order import Order
from engine.wire.requests import PlaceOrder
from trading.rules_in_memory import rules_in_memory

D = Decimal
ACCOUNT = "DU1234567"
SPY = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
ZERO = Decimal(0)


def plan(holds: dict[str, int] | None = None, **more: object) -> Scenario:
    """One paper login with these positions and no orders; the market stands still. `more`: as in a scenario file."""
    calm = load_scenario("calm")
    positions = tuple(PositionSetup(contract=name, quantity=D(n)) for name, n in (holds or {}).items())
    account = AccountSetup(id=ACCOUNT, cash=D(50_000_000), positions=positions)
    paper = LoginPlan(name="paper", mode="paper", accounts=(account,))
    return replace(calm, logins=(paper,), moves=False, **more)  # type: ignore[arg-type]


@dataclass
class Scene:
    """The exchange, and programs beside it over one journal."""

    world: World
    loop: VirtualLoop
    disk: Memory
    locks: Path
    settings: Settings | None
    programs: int = 0

    @property
    def login(self) -> Login:
        return self.world.login("paper")

    def contract(self, name: str) -> Contract:
        """As scenario files name it."""
        return find_contract(self.login.exchange.catalogue, name).contract

    def held(self, con_id: int) -> Decimal:
        """What the account has of a contract, by the exchange's own books."""
        return self.login.positions().get((ACCOUNT, con_id), ZERO)

    def exposure(self, con_id: int) -> Decimal:
        """What it could come to at worst: with everything that works on the larger side filled."""
        working = [view for view in self.login.working() if view.request.con_id == con_id]
        bought = sum((view.remaining for view in working if view.request.action == "BUY"), self.held(con_id))
        sold = sum((-view.remaining for view in working if view.request.action != "BUY"), self.held(con_id))
        return max(abs(bought), abs(sold))

    def arrived(self) -> int:
        """Orders that have reached TWS, whatever became of them."""
        return len(self.world.log.requests(PlaceOrder))

    def manager(self, client_id: int = 1) -> IBKRAccountManager:
        """One more program."""
        self.programs += 1
        prefix = f"p{self.programs}-"
        made = IBKRAccountManager(
            wall_ns=self.loop.wall_ns,
            kill_ids=lambda: f"{prefix}kill",
            lock_directory=self.locks,
            rules=rules_in_memory(self.loop.wall_ns, self.disk, prefix=prefix),
            preflight=self.settings,
        )
        made.add_account("paper", TradingMode.PAPER, client_id=client_id)
        return made


Story = Callable[[Scene, IBKRAccountManager], Awaitable[None]]


def accident(story: Story, locks: Path, scenario: Scenario, settings: Settings | None = None) -> None:
    """Let it happen to a connected program."""

    async def main(loop: VirtualLoop) -> None:
        async with build_world(scenario, ports={"paper": (7497,)}, loop=loop) as world:
            scene = Scene(world, loop, Memory(), locks, settings)
            program = scene.manager()
            assert (await program.connect_all()).all_connected
            await story(scene, program)
            await program.disconnect_all()

    run(main, start_ns=scenario.start_ns, limit_s=7200)


def market(action: str, quantity: object) -> Order:
    return Order(action=action, total_quantity=D(str(quantity)), order_type="MKT", tif="DAY")


def limit(action: str, quantity: object, price: object, **more: object) -> Order:
    return Order(
        action=action,
        total_quantity=D(str(quantity)),
        order_type="LMT",
        lmt_price=D(str(price)),
        tif="DAY",
        **more,  # type: ignore[arg-type]
    )

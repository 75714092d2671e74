"""A program killed at every await of a loss limit's breach: the next one finds one breach, and does what is left."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.core.contracts import Contract
from engine.core.limit_rules import Limit
from engine.core.restrictions import Kind, State
from engine.journal.events import AnyEvent, IncidentOpened, LimitBreached
from engine.journal.memory_store import Memory
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.simulator.server import World
from engine.trading import IBKRAccountManager
from engine.wire.order import Order
from scenarios.accidents import limit
from scenarios.crashing import CrashLoop, Program, at_every_step, run_and_bury
from trading.loss_stage import SCENARIO, WEDNESDAY, Market, breaches, events, restrictions, watching
from trading.stage import PAPER_PORT

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="lets go of a dead program's locks")

AAPL = Contract(con_id=265598, symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
STOP = Order(action="SELL", total_quantity=Decimal(400), order_type="STP", aux_price=Decimal("90.00"), tif="GTC")
SEEN_S = 10.0  # from connecting until its worth is known
DONE_S = 20.0  # from a price until everything that follows from it is done, also what waits for the dead


class After(msgspec.Struct):
    """What the next program has come to."""

    world: World
    disk: Memory
    state: State
    before: tuple[AnyEvent, ...]  # what the dead one had written down

    @property
    def working(self) -> list[str]:
        return [view.request.order_type for view in self.world.login("paper").working()]


def killed_at_every_await(
    tmp_path: Path,
    deed: Callable[[IBKRAccountManager], object],
    act: Callable[[Market], None],
    check: Callable[[After], None],
) -> None:
    """A program with an order that adds risk and a protective stop does the deed, or the market acts, and it dies at
    each step from there on; then the next one is connected for a while.
    """
    page = tmp_path / "exactly.toml"
    page.write_text(SCENARIO.format(start=WEDNESDAY, orders="", faults="[]"))
    plan = load_scenario(page)

    def run(dies_at: int | None) -> int:
        disk = Memory()

        async def engine(this: Program) -> None:
            mgr = watching(this.loop, tmp_path, disk, prefix="first")
            await mgr.connect_all()
            await asyncio.sleep(SEEN_S)
            await mgr.place_order("paper", AAPL, limit("BUY", 1, "80.00"))
            await mgr.place_order("paper", AAPL, STOP)
            await asyncio.sleep(1)
            this.count_from_here(dies_at)
            deed(mgr)
            this.ready.set()
            await asyncio.sleep(DONE_S)
            await mgr.disconnect_all()

        async def main(loop: CrashLoop) -> int:
            async with build_world(plan, ports={"paper": (PAPER_PORT,)}, loop=loop) as world:
                this = Program(loop, tmp_path)
                task = this.start(engine)
                await this.ready.wait()
                act(Market(world))
                if not await this.over:
                    await task
                await asyncio.sleep(2)
                before = tuple(events(disk))
                after = watching(loop, tmp_path, disk, prefix="second")
                await after.connect_all()
                await asyncio.sleep(SEEN_S + DONE_S)
                check(After(world, disk, after.state("paper"), before))
                await after.disconnect_all()
                return this.steps

        return run_and_bury(main, start_ns=plan.start_ns)

    assert at_every_step(run, 20) > 60


@pytest.mark.parametrize(
    ("row", "dollars", "kind"), [(Limit.DAILY, 2_000, Kind.HALT), (Limit.BREAKER, 15_000, Kind.SHUTDOWN)]
)
def test_killed_at_every_await_of_a_breach_it_is_recorded_once_and_acted_on(
    tmp_path: Path, row: Limit, dollars: int, kind: Kind
) -> None:
    recorded_before = []

    def check(after: After) -> None:
        recorded_before.append(any(isinstance(event, LimitBreached) for event in after.before))
        assert breaches(after.disk).count(row) == 1
        assert [one.kind for one in restrictions(after.disk) if one.cause is row.cause] == [kind]
        assert sum(isinstance(event, IncidentOpened) for event in events(after.disk)) == 1
        assert after.state.kind is kind
        if kind is Kind.HALT:
            assert after.working == ["STP"], "what adds risk goes, the protective stop stays"
        else:
            assert after.world.is_flat()

    killed_at_every_await(tmp_path, lambda _: None, lambda market: market.lose(dollars), check)
    assert {False, True} == set(recorded_before)


def test_killed_at_every_await_behind_a_halt_that_cancels_the_next_one_cancels(tmp_path: Path) -> None:
    def check(after: After) -> None:
        assert after.state.kind is Kind.HALT, "it had been acknowledged"
        assert after.working == ["STP"]

    killed_at_every_await(
        tmp_path, lambda mgr: mgr.halt_trading("paper", "Manual halt", cancel="risk_adding"), lambda _: None, check
    )

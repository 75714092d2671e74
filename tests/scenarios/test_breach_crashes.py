"""A program killed at every await of a loss limit's breach: the next one finds one breach, and does what is left."""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.contracts import Contract
from engine.core.limit_rules import Limit
from engine.core.restrictions import Kind
from engine.journal.events import IncidentOpened
from engine.journal.memory_store import Memory
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
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


@pytest.mark.parametrize(
    ("row", "dollars", "kind"), [(Limit.DAILY, 2_000, Kind.HALT), (Limit.BREAKER, 15_000, Kind.SHUTDOWN)]
)
def test_killed_at_every_await_of_a_breach_it_is_recorded_once_and_acted_on(
    tmp_path: Path, row: Limit, dollars: int, kind: Kind
) -> None:
    page = tmp_path / "exactly.toml"
    page.write_text(SCENARIO.format(start=WEDNESDAY, orders="", faults="[]"))
    plan = load_scenario(page)
    recorded_before = []

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
            this.ready.set()
            await asyncio.sleep(DONE_S)
            await mgr.disconnect_all()

        async def main(loop: CrashLoop) -> int:
            async with build_world(plan, ports={"paper": (PAPER_PORT,)}, loop=loop) as world:
                market = Market(world)
                this = Program(loop, tmp_path)
                task = this.start(engine)
                await this.ready.wait()
                market.lose(dollars)
                if not await this.over:
                    await task
                await asyncio.sleep(2)
                recorded_before.append(breaches(disk).count(row))
                after = watching(loop, tmp_path, disk, prefix="second")
                await after.connect_all()
                await asyncio.sleep(SEEN_S + DONE_S)
                assert breaches(disk).count(row) == 1
                assert [one.kind for one in restrictions(disk) if one.cause is row.cause] == [kind]
                assert sum(isinstance(event, IncidentOpened) for event in events(disk)) == 1
                assert after.state("paper").kind is kind
                working = [view.request.order_type for view in world.login("paper").working()]
                if kind is Kind.HALT:
                    assert working == ["STP"], "what adds risk goes, the protective stop stays"
                else:
                    assert world.is_flat()
                await after.disconnect_all()
                return this.steps

        return run_and_bury(main, start_ns=plan.start_ns)

    assert at_every_step(run, 20) > 60
    assert {0, 1} == set(recorded_before)

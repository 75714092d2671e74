"""A program killed at every await of a kill, and of an order: the next one knows what was decided, and finishes it."""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.preflight.settings import ProductLimits, Settings
from engine.core.restrictions import Kind
from engine.core.units import known
from engine.desk.exchange_truth import truth_of
from engine.journal import chain
from engine.journal.events import AnyEvent, IncidentOpened, KillEnded, KillPressed, OrderIntent
from engine.journal.memory_store import Memory
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.trading import IBKRAccountManager, KillReport, errors
from engine.wire.requests import PlaceOrder
from scenarios.accidents import SPY, limit
from scenarios.crashing import CrashLoop, Program, at_every_step, run_and_bury
from trading.rules_in_memory import rules_in_memory
from trading.stage import LIVE_PORT, PAPER_PORT, manager

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="lets go of a dead program's locks")


def events(disk: Memory) -> list[AnyEvent]:
    return [chain.opened(one).event for one in disk.records]


def count(disk: Memory, kind: type) -> int:
    return sum(isinstance(event, kind) for event in events(disk))


HELD = 300 + 120  # shares, in the scenario
SIX_MORE = Settings(shares=ProductLimits(account=Decimal(HELD + 6)))


def program(loop: CrashLoop, disk: Memory, locks: Path, name: str) -> IBKRAccountManager:
    rules = rules_in_memory(loop.wall_ns, disk, prefix=name)
    return manager(loop, locks, prefix=name, rules=rules, preflight=SIX_MORE)


@pytest.mark.parametrize("scenario", ["calm", "slow-fills"])
def test_killed_at_every_await_of_a_kill_the_next_start_knows_and_finishes_it(tmp_path: Path, scenario: str) -> None:
    records = []

    def run(dies_at: int | None) -> int:
        disk, acknowledged = Memory(), list[KillReport]()

        async def engine(this: Program) -> None:
            mgr = program(this.loop, disk, tmp_path, "first")
            assert (await mgr.connect_all()).all_connected
            await asyncio.sleep(1)
            this.count_from_here(dies_at)
            acknowledged.append(await mgr.kill_switch_all("EMERGENCY"))

        async def main(loop: CrashLoop) -> int:
            ports = {"paper": (PAPER_PORT,), "live": (LIVE_PORT,)}
            async with build_world(load_scenario(scenario), ports=ports, loop=loop) as world:
                this = Program(loop, tmp_path)
                task = this.start(engine)
                if not await this.over:  # of two runs one may have a step more, at its end
                    await task
                await asyncio.sleep(2)  # TWS sees its connections end
                after = program(loop, disk, tmp_path, "second")
                pressed, ended = count(disk, KillPressed), count(disk, KillEnded)
                records.append(pressed)
                assert pressed >= len(acknowledged)
                assert ended == len(acknowledged) or dies_at, "a report is there when its records are"
                for name in ("paper", "live"):
                    assert (after.state(name).kind is Kind.SHUTDOWN) == bool(pressed)
                if pressed:
                    assert count(disk, IncidentOpened) == 1
                    await after.connect_all()
                    with pytest.raises(errors.KillPressed, match="EMERGENCY"):
                        await after.place_order("paper", SPY, limit("BUY", 1, "1.00"))
                report = await after.kill_switch_all("again")
                assert report.flat, str(report)
                truth = truth_of(world).logins.values()
                assert all(login.flat and not login.crossings for login in truth), truth
                assert count(disk, IncidentOpened) == 1, "the second joins what the first has opened"
                await after.disconnect_all()
                return this.steps

        return run_and_bury(main)

    total = at_every_step(run, 25 if scenario == "calm" else 12)
    assert total > 150
    assert 0 in records and records.count(1) > len(records) / 2, "the record is made behind the first cancels, and soon"


def test_killed_at_every_await_of_an_order_whatever_reached_tws_is_in_the_journal(tmp_path: Path) -> None:
    reached = []

    def run(dies_at: int | None) -> int:
        disk = Memory()

        async def engine(this: Program) -> None:
            mgr = program(this.loop, disk, tmp_path, "first")
            assert (await mgr.connect_all()).all_connected
            await asyncio.sleep(1)
            this.count_from_here(dies_at)
            await asyncio.gather(*(mgr.place_order("paper", SPY, limit("BUY", n, f"{n}.00")) for n in (1, 2, 3)))
            await mgr.disconnect_all()

        async def main(loop: CrashLoop) -> int:
            ports = {"paper": (PAPER_PORT,), "live": (LIVE_PORT,)}
            async with build_world(load_scenario("calm"), ports=ports, loop=loop) as world:
                this = Program(loop, tmp_path)
                task = this.start(engine)
                if not await this.over:
                    await task
                await asyncio.sleep(2)
                sent = [
                    one.message.order for one in world.log.requests(PlaceOrder) if isinstance(one.message, PlaceOrder)
                ]
                intents = {event.order_ref for event in events(disk) if isinstance(event, OrderIntent)}
                refs = [order.order_ref for order in sent]
                assert set(refs) <= intents, "durable before it leaves"
                assert len(refs) == len(set(refs)) <= 3
                reached.append(len(refs))
                after = program(loop, disk, tmp_path, "second")
                assert (await after.connect_all()).all_connected
                told = await after.preflight("paper", SPY, limit("BUY", 7, "1.00"))
                [failure] = told.failures  # what has arrived counts, and nothing else does
                assert failure.observed == HELD + 7 + sum(known(order.total_quantity) or 0 for order in sent)
                await after.disconnect_all()
                return this.steps

        return run_and_bury(main)

    total = at_every_step(run, 40)
    assert total > 40
    assert {0, 3} <= set(reached)

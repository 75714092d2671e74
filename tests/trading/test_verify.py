"""Our records against the broker, through the manager and against a simulated TWS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest

from engine.core.contracts import Contract
from engine.core.restrictions import Cause
from engine.journal import trouble
from engine.journal.events import Adopted, Filled, IncidentOpened, Verified
from engine.journal.memory_store import Memory
from engine.simulator.exchange import Holding
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading import IBKRAccountManager, errors
from engine.trading.verification import Verdict
from engine.wire.order import Order
from trading.rules_in_memory import rules_in_memory
from trading.stage import manager, stage
from trading.test_halt_and_resume import incident_log, records

SPY = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
BUY = Order(action="BUY", total_quantity=Decimal(10), order_type="MKT", tif="DAY")
REST = Order(action="BUY", total_quantity=Decimal(10), order_type="LMT", lmt_price=Decimal("1.00"), tif="DAY")
T = TypeVar("T")
QUIET_S = 20.0


class Desk:
    """A world whose paper account our records have adopted, orders and all."""

    def __init__(self, world: World, mgr: IBKRAccountManager, memory: Memory) -> None:
        self.paper, self.mgr, self.memory = world.login("paper"), mgr, memory

    def events(self, kind: type[T]) -> list[T]:
        return [event for event in records(self.mgr, self.memory) if isinstance(event, kind)]

    def appear(self, quantity: int) -> None:
        """A position changes, and no execution says why: a transfer, an exercise, a mistake."""
        holding = Holding(SPY.con_id, Decimal(quantity), Decimal(600))
        self.paper.server.act(lambda now_ns: self.paper.server.exchange.add_holding(now_ns, "DU1234567", holding))

    def fall(self, price: str) -> None:
        """SPY trades at this price now."""
        self.paper.server.act(lambda now_ns: self.paper.server.exchange.set_price(now_ns, SPY.con_id, Decimal(price)))


def desk(
    tmp_path: Path, test: Callable[[Desk], Awaitable[None]], *, begun: bool = True, scenario: str = "calm"
) -> None:
    async def main(world: World, loop: VirtualLoop) -> None:
        memory = Memory()
        mgr = manager(loop, tmp_path, rules=rules_in_memory(loop.wall_ns, memory))
        await mgr.connect_all()
        if begun:
            await mgr.verify("paper", adopt=True, reason="we begin")
        await test(Desk(world, mgr, memory))
        await mgr.disconnect_all()

    stage(scenario, main)


def test_records_that_were_adopted_match_as_long_as_nothing_happens(tmp_path: Path) -> None:
    async def test(here: Desk) -> None:
        found = await here.mgr.verify("paper")
        assert found.verdict is Verdict.MATCH
        assert found.exit_code == 0
        assert (found.positions, found.orders) == (8, 7)
        assert here.events(Verified)[-1].matches
        assert "8 positions and 7 working orders are as our records say" in str(found)

    desk(tmp_path, test)


def test_an_account_without_records_does_not_match_and_halts_nobody(tmp_path: Path) -> None:
    async def test(here: Desk) -> None:
        found = await here.mgr.verify("paper")
        assert (found.verdict, found.exit_code) == (Verdict.UNBEGUN, 1)
        assert "NO RECORDS YET" in str(found)
        assert here.events(Verified)[-1].unbegun == ("DU1234567",)
        assert found.unbegun == ("DU1234567",)
        assert "qe verify paper --adopt --reason TEXT" in str(found)
        assert "The broker shows:\n    DU1234567 long 3 ESH6" in str(found)
        assert not here.events(Verified)[-1].matches
        assert here.mgr.state("paper").may_add_risk

    desk(tmp_path, test, begun=False)


def test_our_own_fills_are_in_the_records(tmp_path: Path) -> None:
    async def test(here: Desk) -> None:
        await here.mgr.place_order("paper", SPY, BUY)
        await asyncio.sleep(1)
        assert (await here.mgr.verify("paper")).matches
        assert sum(event.quantity for event in here.events(Filled)) == 10

    desk(tmp_path, test)


def test_a_fill_of_ours_that_was_missed_is_taken_into_the_records(tmp_path: Path) -> None:
    async def test(here: Desk) -> None:
        await here.mgr.place_order("paper", SPY, REST)
        await asyncio.sleep(1)
        await here.mgr.disconnect_all()
        here.fall("0.50")
        await asyncio.sleep(QUIET_S)
        assert not here.events(Filled)
        found = await here.mgr.verify("paper")  # over a connection of its own
        assert found.matches
        assert [one.quantity for one in found.missed] == [10]
        assert "taken into our records: +10 at" in str(found)
        assert (await here.mgr.verify("paper")).missed == ()

    desk(tmp_path, test)


def test_what_others_trade_is_a_difference_that_is_explained_and_halts_nobody(tmp_path: Path) -> None:
    async def test(here: Desk) -> None:
        here.paper.trader(7).place("SPY", "BUY", 5)
        await asyncio.sleep(1)
        found = await here.mgr.verify("paper")
        assert found.verdict is Verdict.DIFFERENT
        (difference,) = found.differences
        assert difference.explained
        assert "explained by executions" in str(found)
        assert "client 7" in str(found)
        assert here.mgr.state("paper").may_add_risk
        assert (await here.mgr.verify("paper", adopt=True, reason="a hedge by hand")).matches
        assert here.events(Adopted)[-1].reason == "a hedge by hand"

    desk(tmp_path, test)


def test_an_order_that_nobody_owns_is_named_until_it_is_adopted(tmp_path: Path) -> None:
    async def test(here: Desk) -> None:
        here.paper.hand().place("SPY", "BUY", 5, "LMT", Decimal(1))
        found = await here.mgr.verify("paper")
        assert not found.matches
        assert "BUY 5 SPY LMT (typed into TWS" in str(found)
        assert (await here.mgr.verify("paper", adopt=True, reason="it is mine")).matches

    desk(tmp_path, test)


def test_a_difference_that_nothing_explains_halts_opens_one_incident_and_ends_by_adoption(tmp_path: Path) -> None:
    async def test(here: Desk) -> None:
        here.appear(7)
        found = await here.mgr.verify("paper")
        assert not found.matches
        assert "NOT EXPLAINED" in str(found)
        assert here.mgr.state("paper").standing[0].cause is Cause.RECONCILIATION
        await here.mgr.verify("paper")
        assert len(here.events(IncidentOpened)) == 1
        log = incident_log()
        assert log.count("reconciliation, paper") == 1
        assert "NOT EXPLAINED" in log
        with pytest.raises(errors.ResumeRefused, match="found differences"):
            here.mgr.resume_trading("paper")
        await asyncio.sleep(1)
        assert (await here.mgr.verify("paper", adopt=True, reason="shares were transferred in")).matches
        here.mgr.resume_trading("paper")
        assert here.mgr.state("paper").may_add_risk

    desk(tmp_path, test)


def test_only_looking_halts_nobody(tmp_path: Path) -> None:
    async def test(here: Desk) -> None:
        here.appear(7)
        assert not (await here.mgr.verify("paper", halt=False)).matches
        assert here.mgr.state("paper").may_add_risk

    desk(tmp_path, test)


def test_a_fill_on_its_way_into_the_records_is_no_difference(tmp_path: Path) -> None:
    async def test(here: Desk) -> None:
        here.appear(7)
        verifying = asyncio.create_task(here.mgr.verify("paper"))
        await asyncio.sleep(1.5)
        here.appear(-7)
        assert (await verifying).matches

    desk(tmp_path, test)


@pytest.mark.parametrize(
    "scenario", ["positions-unanswered", "link-down", "wrong-mode", "not-running", "accept-dialog"]
)
def test_what_cannot_be_read_is_never_a_match(tmp_path: Path, scenario: str) -> None:
    async def test(here: Desk) -> None:
        await asyncio.sleep(5)
        found = [await here.mgr.verify(name) for name in ("paper", "live")]
        unread = [one for one in found if one.verdict is Verdict.NOT_READ]
        assert unread
        assert all(one.exit_code == 2 and one.why and not one.matches for one in unread)
        assert "This says nothing about the positions" in str(unread[0])
        assert not any(event.scope.login in [one.login for one in unread] for event in here.events(Verified))
        with pytest.raises(errors.AdoptionRefused, match="Our records stand as they did"):
            await here.mgr.verify(unread[0].login, adopt=True, reason="x")

    desk(tmp_path, test, begun=False, scenario=scenario)


def test_records_that_cannot_be_read_are_never_a_match(tmp_path: Path) -> None:
    async def test(here: Desk) -> None:
        here.memory.unreadable = trouble.Code.FAILED
        found = await here.mgr.verify("paper")
        assert found.verdict is Verdict.NOT_READ
        assert "our own records cannot be read" in found.why

    desk(tmp_path, test)


def test_a_verification_that_cannot_be_written_down_says_so(tmp_path: Path) -> None:
    async def test(here: Desk) -> None:
        here.memory.fails = trouble.Code.FULL
        found = await here.mgr.verify("paper")
        assert "not written down" in str(found)
        here.memory.fails = None
        with pytest.raises(errors.AdoptionRefused, match="reason"):
            await here.mgr.verify("paper", adopt=True, reason=" ")

    desk(tmp_path, test)


def test_the_whole_way_back_after_a_kill(tmp_path: Path) -> None:
    async def test(here: Desk) -> None:
        assert (await here.mgr.kill_switch("paper", "EMERGENCY")).flat
        with pytest.raises(errors.ResetRefused, match="have not been verified since"):
            here.mgr.reset("paper", "understood")
        await asyncio.sleep(1)
        assert (await here.mgr.verify("paper")).matches

    desk(tmp_path, test)


def test_nothing_is_adopted_while_positions_may_be_older_than_executions(tmp_path: Path) -> None:
    async def test(here: Desk) -> None:
        here.paper.trader(7).place("SPY", "BUY", 5)
        began = asyncio.get_running_loop().time()
        assert (await here.mgr.verify("paper", adopt=True, reason="x")).matches
        assert asyncio.get_running_loop().time() - began >= 15

    desk(tmp_path, test)

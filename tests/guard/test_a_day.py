"""A bad day from before the open to after the kill, with a guard beside it, and what the exchange has seen of it.

A lost connection, a gap at the open through the daily limit, orders of a program that is gone and of a hand in TWS, a
restart of TWS, a lost link with a foreign order in it, a fall through the circuit breaker while something else breaks,
and a fill after the kill. What is asserted is what works, is held and was sent at the exchange.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.contracts import Contract
from engine.core.kill.commands import CLOSE_REF_PREFIX
from engine.core.restrictions import Cause, Kind
from engine.desk.exchange_truth import crossings, truth_of
from engine.journal.events import IncidentOpened, KillPressed, LimitBreached
from engine.simulator import faults
from engine.trading import errors
from engine.wire.order import Order
from engine.wire.requests import PlaceOrder, ReqGlobalCancel
from guard.post import Exactly, exactly

AAPL = Contract(con_id=265598, symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
ENTRY = Order(action="BUY", total_quantity=Decimal(10), order_type="LMT", lmt_price=Decimal("100.00"), tif="GTC")
STOP = Order(action="SELL", total_quantity=Decimal(400), order_type="STP", aux_price=Decimal("90.00"), tif="GTC")
BEFORE_THE_OPEN = "2026-03-11T09:20:00-04:00"
ACCIDENTS: dict[str, faults.Fault | None] = {
    "nothing": None,
    "the connection drops as the cancel arrives": faults.Disconnect(on="ReqGlobalCancel", times=1),
    "TWS restarts as it closes": faults.Restart(on="CloseOrder", down_s=15.0),
    "TWS loses IBKR": faults.LinkLost(on="ReqGlobalCancel", for_s=20.0),
    "a half-open socket": faults.HalfOpen(for_s=40.0),
    "fills come in parts": faults.PartialFills(quantity=Decimal(40)),
}


class Day:
    def __init__(self, here: Exactly) -> None:
        self.here, self.market, self.paper = here.post, here.market, here.post.world.login("paper")
        self.engine = here.post.engine()

    def working(self) -> set[tuple[int, str, str]]:
        """Whose, what, how: everything that can still fill."""
        return {
            (view.request.client_id, view.request.action, f"{view.request.order_type}") for view in self.paper.working()
        }

    def closes(self) -> int:
        """Orders of a kill that have arrived at TWS."""
        sent = self.here.world.log.requests(PlaceOrder)
        return sum(one.message.order.order_ref.startswith(CLOSE_REF_PREFIX) for one in sent)  # type: ignore[union-attr]

    async def before_the_open(self) -> None:
        assert (await self.engine.connect("paper")).connected
        await asyncio.sleep(3)
        await self.engine.place_order("paper", AAPL, ENTRY)
        await self.engine.place_order("paper", AAPL, STOP)
        self.paper.trader(7).place("AAPL", "BUY", 5, "LMT", Decimal(100), tif="GTC")
        self.paper.hand().place("AAPL", "BUY", 1, "LMT", Decimal(99), tif="GTC")
        self.paper.server.trouble.add(faults.Disconnect(times=None))
        await asyncio.sleep(30)
        self.paper.server.trouble.clear()
        await asyncio.sleep(40)
        assert self.here.manager.connected("paper")
        assert self.here.manager.state("paper").kind is None
        assert len(self.working()) == 4
        if not self.engine.connected("paper"):
            assert (await self.engine.connect("paper")).connected

    async def a_gap_at_the_open(self) -> None:
        await asyncio.sleep(601 - self.here.loop.time())  # half past nine
        self.market.lose(2_500)
        await asyncio.sleep(30)
        assert [one.cause for one in self.here.manager.state("paper").standing] == [Cause.DAILY_LOSS]
        assert self.working() == {(1, "SELL", "STP"), (0, "BUY", "LMT")}  # protection, and what only a person reaches
        assert self.closes() == 0
        assert self.here.world.log.requests(ReqGlobalCancel) == []
        with pytest.raises(errors.TradingHalted):
            await self.engine.place_order("paper", AAPL, ENTRY)

    async def a_restart(self) -> None:
        self.paper.server.trouble.add(faults.Restart(down_s=90.0))
        await asyncio.sleep(200)
        assert self.here.manager.connected("paper")
        assert Cause.DAILY_LOSS in [one.cause for one in self.here.manager.state("paper").standing]
        assert self.working() == {(1, "SELL", "STP"), (0, "BUY", "LMT")}

    async def a_lost_link_with_a_foreign_order_in_it(self) -> None:
        self.paper.server.lose_link()
        await asyncio.sleep(10)
        self.paper.trader(8).place("AAPL", "BUY", 5, "LMT", Decimal(100))
        await asyncio.sleep(60)
        assert (8, "BUY", "LMT") in self.working()  # nothing is done by what TWS remembers
        self.paper.server.restore_link(1101)
        await asyncio.sleep(40)
        assert self.working() == {(1, "SELL", "STP"), (0, "BUY", "LMT")}
        assert self.closes() == 0

    async def a_fall_through_the_breaker(self, accident: faults.Fault | None) -> None:
        if accident is not None:
            self.paper.server.trouble.add(accident)
        self.market.lose(15_500)
        await asyncio.sleep(180)
        self.paper.server.trouble.clear()
        await asyncio.sleep(90)
        assert self.paper.is_flat()
        assert self.here.manager.state("paper").kind is Kind.SHUTDOWN
        assert self.closes() >= 2

    async def a_fill_after_the_kill(self) -> None:
        self.paper.hand().place("AAPL", "BUY", 7, "MKT")
        await asyncio.sleep(90)
        assert [one.signed for one in self.paper.exchange.movements()].count(Decimal(7)) == 1
        assert self.paper.is_flat()
        with pytest.raises(errors.TradingError):
            await self.engine.place_order("paper", AAPL, ENTRY)

    def what_is_left_of_it(self) -> None:
        assert crossings(self.paper.exchange.movements(), self.paper.positions()) == []
        assert truth_of(self.here.world).logins["paper"].crossings == ()
        assert [one.limit for one in self.here.events(LimitBreached)].count("circuit_breaker") == 1  # type: ignore[attr-defined]
        assert [one.limit for one in self.here.events(LimitBreached)].count("daily_loss") == 1  # type: ignore[attr-defined]
        assert self.here.events(KillPressed)
        assert self.here.events(IncidentOpened)
        told = self.here.titles()
        assert "paper: halt by daily_loss" in told
        assert "KILL of paper: FLAT" in told


@pytest.mark.parametrize("name", ACCIDENTS)
def test_a_bad_day_ends_flat_and_nothing_was_done_that_the_day_did_not_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("QE_HOME", str(tmp_path))

    async def test(here: Exactly) -> None:
        day = Day(here)
        await day.before_the_open()
        await day.a_gap_at_the_open()
        await day.a_restart()
        await day.a_lost_link_with_a_foreign_order_in_it()
        await day.a_fall_through_the_breaker(ACCIDENTS[name])
        await day.a_fill_after_the_kill()
        day.what_is_left_of_it()
        await day.engine.disconnect_all()

    exactly(tmp_path, test, start=BEFORE_THE_OPEN)

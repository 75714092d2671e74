"""What adds risk and worked still behind a sweep is followed until it is gone, or the halt is over."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

from engine.core.contracts import Contract
from engine.core.facts import WorkingOrder
from engine.core.known import Known, Unknown
from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal.events import OrdersSwept
from engine.journal.memory_store import Memory
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading.left_working import LeftWorking
from engine.wire.order import Order
from trading.loss_stage import Market, events, on_stage, watching
from trading.test_loss_watch import seeing

D = Decimal
AAPL = Contract(con_id=265598, symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
ENTRY = Order(action="BUY", total_quantity=D(10), order_type="LMT", lmt_price=D("100.00"), tif="GTC")


def told_in(memory: Memory) -> list[OrdersSwept]:
    return [one for one in events(memory) if isinstance(one, OrdersSwept)]


def test_what_a_sweep_left_to_others_is_told_anew_when_it_is_gone(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop, _market: Market) -> None:
        memory = Memory()
        mgr = await seeing(watching(loop, tmp_path, memory))
        hung = watching(loop, tmp_path, Memory(), client_id=7, prefix="h")
        await hung.connect_all()
        ticket = await hung.place_order("paper", AAPL, ENTRY)
        await hung.place_order("paper", AAPL, ENTRY)
        halted = mgr.halt_trading("paper", "news", cancel="risk_adding")
        await asyncio.sleep(20)
        (told,) = told_in(memory)
        assert (told.cancelled, told.left, told.gone) == ((), ((7, "BUY 10 AAPL"), (7, "BUY 10 AAPL")), ())
        await hung.cancel_order("paper", ticket)
        await asyncio.sleep(6)
        told = told_in(memory)[-1]
        assert (told.left, told.gone) == (((7, "BUY 10 AAPL"),), ((7, "BUY 10 AAPL"),))
        assert told.restrictions == (halted.restriction.id,)
        await hung.cancel_all_orders("paper")
        await asyncio.sleep(20)
        assert [len(one.gone) for one in told_in(memory)] == [0, 1, 2]
        assert world.login("paper").working() == []
        await hung.disconnect_all()
        await mgr.disconnect_all()

    on_stage(test, tmp_path)


def test_what_a_lifted_halt_left_is_followed_no_more(tmp_path: Path) -> None:
    async def test(_world: World, loop: VirtualLoop, _market: Market) -> None:
        memory = Memory()
        mgr = await seeing(watching(loop, tmp_path, memory))
        hung = watching(loop, tmp_path, Memory(), client_id=7, prefix="h")
        await hung.connect_all()
        ticket = await hung.place_order("paper", AAPL, ENTRY)
        mgr.halt_trading("paper", "news", cancel="risk_adding")
        await asyncio.sleep(6)
        mgr.resume_trading("paper", reason="over")
        await asyncio.sleep(2)
        await hung.cancel_order("paper", ticket)
        await asyncio.sleep(20)
        assert len(told_in(memory)) == 1
        await hung.disconnect_all()
        await mgr.disconnect_all()

    on_stage(test, tmp_path)


def test_while_no_list_of_orders_is_known_nothing_is_said_to_be_gone() -> None:
    order = WorkingOrder(
        account="DU1",
        contract=AAPL,
        perm_id=9,
        client_id=7,
        order_id=3,
        action="BUY",
        quantity=D(1),
        filled=D(0),
        order_type="LMT",
        status="Submitted",
    )
    scope = Scope(login="paper")
    halt = Restriction(id="h", scope=scope, kind=Kind.HALT, cause=Cause.MANUAL, since_ns=1, actor="a", reason="r")
    told = OrdersSwept(scope=scope, restrictions=("h",), client_id=1, cancelled=(), left=((7, "BUY 1 AAPL"),))
    left = LeftWorking()
    left.begin(told, (order,))
    assert left.look((halt,), Unknown("no list came")) == ()
    assert left.look((halt,), Known((order,), 1)) == ()
    (anew,) = left.look((halt,), Known((), 2))
    assert (anew.left, anew.gone) == ((), told.left)
    assert left.look((halt,), Known((), 3)) == (), "once"

"""Orders through the manager: accounts, refusals, cancels, and none after the button."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from broker.scripted import AAPL, ScriptedTws, open_order, order_status, scripted
from engine.core.contracts import Contract
from engine.journal import chain
from engine.journal.events import OrderIntent
from engine.journal.memory_store import Memory, MemoryStore
from engine.simulator import faults
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop, current_loop, settle
from engine.trading import IBKRAccountManager, errors
from engine.wire import replies, requests
from engine.wire.order import Order
from trading.rules_in_memory import rules_in_memory
from trading.stage import manager, stage

BUY = Order(action="BUY", total_quantity=Decimal(10), order_type="LMT", lmt_price=Decimal("1.00"), tif="DAY")


def beside(test: Callable[[ScriptedTws, IBKRAccountManager], Awaitable[None]], locks: Path, **options: object) -> None:
    async def main(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = lambda _p, _r: [replies.OpenOrderEnd()]
        tws.answers[requests.ReqPositions] = lambda _p, _r: [replies.PositionEnd()]
        mgr = manager(current_loop(), locks, deadline_s=5)
        await mgr.connect("paper")
        await test(tws, mgr)
        await mgr.disconnect_all()
        await settle()

    scripted(main, **options)


def test_an_order_is_placed_seen_and_cancelled(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        await mgr.connect_all()
        exchange = world.login("paper").exchange
        before = len(exchange.open_orders())
        spy = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
        ticket = await mgr.place_order("paper", spy, BUY)
        assert ticket.status in ("PreSubmitted", "Submitted")
        assert len(world.login("paper").working()) == before + 1
        await mgr.cancel_order("paper", ticket)
        assert ticket.ended
        assert len(world.login("paper").working()) == before
        await mgr.disconnect_all()

    stage("calm", test)


def test_an_order_stands_in_the_journal_before_its_first_byte_reaches_tws(tmp_path: Path) -> None:
    async def test(tws: ScriptedTws, _: IBKRAccountManager) -> None:
        written: list[list[str]] = []
        memory = Memory()

        def answer(_peer: object, request: requests.PlaceOrder) -> list[replies.Reply]:
            events = [chain.opened(record).event for record in MemoryStore(memory).read()]
            written.append([one.order_ref for one in events if isinstance(one, OrderIntent)])
            return [order_status(order_id=request.order_id)]

        mgr = manager(current_loop(), tmp_path / "locks", rules=rules_in_memory(current_loop().wall_ns, memory))
        await mgr.connect("paper")
        tws.answers[requests.PlaceOrder] = answer
        ticket = await mgr.place_order("paper", AAPL, BUY)
        await mgr.disconnect_all()
        assert written == [[ticket.order_ref]]

    beside(test, tmp_path)


def test_an_order_that_names_no_account_gets_the_only_one_there_is(tmp_path: Path) -> None:
    async def test(tws: ScriptedTws, mgr: IBKRAccountManager) -> None:
        tws.answers[requests.PlaceOrder] = lambda _p, r: [order_status(order_id=r.order_id)]
        await mgr.place_order("paper", AAPL, BUY)
        assert tws.requests(requests.PlaceOrder)[0].order.account == "DU1"

    beside(test, tmp_path)


@pytest.mark.parametrize("account", ["", "DU9"])
def test_with_several_accounts_an_order_must_name_one_of_them(tmp_path: Path, account: str) -> None:
    async def test(tws: ScriptedTws, mgr: IBKRAccountManager) -> None:
        order = Order(action="BUY", total_quantity=Decimal(1), order_type="MKT", account=account)
        with pytest.raises(errors.OrderDenied, match="DU1, DU2"):
            await mgr.place_order("paper", AAPL, order)
        assert not tws.requests(requests.PlaceOrder)

    beside(test, tmp_path, accounts=("DU1", "DU2"))


def test_a_refused_order_and_one_nobody_knows_of_are_two_errors(tmp_path: Path) -> None:
    async def test(tws: ScriptedTws, mgr: IBKRAccountManager) -> None:
        tws.answers[requests.PlaceOrder] = lambda _p, r: [replies.ErrorMessage(r.order_id, 201, "Order rejected")]
        with pytest.raises(errors.OrderRefused, match="201: Order rejected"):
            await mgr.place_order("paper", AAPL, BUY)
        del tws.answers[requests.PlaceOrder]
        with pytest.raises(errors.OrderUnconfirmed, match="may be live"):
            await mgr.place_order("paper", AAPL, BUY)

    beside(test, tmp_path)


def test_an_order_that_cannot_be_written_is_not_sent(tmp_path: Path) -> None:
    async def test(tws: ScriptedTws, mgr: IBKRAccountManager) -> None:
        with pytest.raises(errors.OrderNotSent, match="NUL"):
            await mgr.place_order("paper", Contract(con_id=1, symbol="A\0B", sec_type="STK"), BUY)
        assert not tws.requests(requests.PlaceOrder)

    beside(test, tmp_path)


def test_without_a_connection_nothing_is_sent_and_the_reason_is_given(tmp_path: Path) -> None:
    async def test(tws: ScriptedTws, mgr: IBKRAccountManager) -> None:
        with pytest.raises(errors.NotConnected, match=r"connect\('live'\)"):
            await mgr.place_order("live", AAPL, BUY)
        tws.peer.transport.abort()
        await settle()
        with pytest.raises(errors.NotConnected, match="lost"):
            await mgr.place_order("paper", AAPL, BUY)
        with pytest.raises(errors.NotConnected):
            await mgr.refresh("paper")

    beside(test, tmp_path)


def test_an_order_can_be_cancelled_after_a_restart_of_tws_and_its_ticket_goes_on(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        await mgr.connect_all()
        paper = world.login("paper")
        before = len(paper.working())
        spy = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
        first, second = [await mgr.place_order("paper", spy, BUY) for _ in range(2)]
        paper.server.trouble.add(faults.Restart(down_s=5.0))
        await asyncio.sleep(10)
        assert not mgr.connected("paper")
        await mgr.connect("paper")
        await mgr.cancel_order("paper", first)
        assert first.ended
        assert not second.ended
        assert len(paper.working()) == before + 1
        paper.trader(1).cancel_all()
        await asyncio.sleep(5)
        assert second.ended

    stage("calm", test)


def test_after_the_button_no_order_leaves_not_even_one_that_was_waiting(tmp_path: Path) -> None:
    async def test(tws: ScriptedTws, mgr: IBKRAccountManager) -> None:
        assert (await mgr.preflight("paper", AAPL, BUY)).passed  # so that everything it needs is known
        await asyncio.sleep(1)
        link = mgr._entries.get("paper").login.link  # type: ignore[union-attr]
        for _ in range(45):
            link.post(requests.ReqIds())
        waiting = asyncio.ensure_future(mgr.place_order("paper", AAPL, BUY))
        await settle()
        killing = asyncio.ensure_future(mgr.kill_switch("paper", "EMERGENCY"))
        await settle()
        with pytest.raises(errors.OrderNotSent, match="kill"):
            await waiting
        with pytest.raises(errors.KillPressed, match="was not sent"):
            await mgr.place_order("paper", AAPL, BUY)
        await killing
        with pytest.raises(errors.KillPressed):
            await mgr.place_order("paper", AAPL, BUY)
        assert not tws.requests(requests.PlaceOrder)

    beside(test, tmp_path)


def test_a_cancel_that_is_not_confirmed_says_so(tmp_path: Path) -> None:
    async def test(tws: ScriptedTws, mgr: IBKRAccountManager) -> None:
        tws.answers[requests.PlaceOrder] = lambda _p, r: [order_status(order_id=r.order_id)]
        ticket = await mgr.place_order("paper", AAPL, BUY)
        tws.answers[requests.ReqAllOpenOrders] = lambda _p, _r: [
            open_order(order_id=ticket.order_id), order_status(order_id=ticket.order_id), replies.OpenOrderEnd(),
        ]  # fmt: skip
        with pytest.raises(errors.CancelUnconfirmed, match="may be live"):
            await mgr.cancel_order("paper", ticket)
        tws.peer.transport.abort()
        await settle()
        await mgr.connect("paper")
        tws.answers[requests.ReqAllOpenOrders] = lambda _p, _r: [replies.OpenOrderEnd()]
        with pytest.raises(errors.CancelUnconfirmed, match="another connection, and TWS has not shown it"):
            await mgr.cancel_order("paper", ticket)

    beside(test, tmp_path)

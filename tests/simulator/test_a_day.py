"""A strategy goes on through the close, the daily restart and midnight: what ends, what stays, what begins anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

from engine.core.units import known
from engine.simulator import faults
from engine.simulator.server import Login, World
from engine.simulator.virtual import VirtualLoop, run
from engine.wire.replies import OpenOrder, OpenOrderEnd, OrderStatus, PnL, Position, PositionEnd
from engine.wire.requests import ReqAllOpenOrders, ReqMktData, ReqPnL, ReqPositions
from simulator.test_server_ticks import bars, by_tick, heard
from simulator.wire_client import ACCOUNT, WireClient, connect, instrument, order, small_world

HOUR_S = 3600  # the world begins at 10:30 in New York, on a Wednesday
CLOSE_S = 5.5 * HOUR_S  # 16:00, stocks
PAUSE_S = 6.5 * HOUR_S  # 17:00, futures
RESTART_S = 13.25 * HOUR_S  # 23:45
MIDNIGHT_S = 13.5 * HOUR_S


async def until_second(world: World, second: float) -> None:
    await asyncio.sleep(second - world.clock.elapsed_s())


def ended(client: WireClient) -> dict[int, str]:
    """The last status of every order."""
    return {status.order_id: status.status for status in client.of(OrderStatus)}


def in_a_day(test: Callable[[World, Login], Awaitable[None]], *given: faults.AnyFault) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with small_world(*given, holdings={"AAPL": 100, "FUT ES": 2}) as world:
            await test(world, world.login("paper"))

    run(main, limit_s=40 * HOUR_S)


def test_day_orders_end_with_their_own_session_and_the_others_stay() -> None:
    async def test(world: World, login: Login) -> None:
        client = await connect(login.ports[0])
        client.send(order(login, 1, "AAPL", "BUY", 1, 150), order(login, 2, "AAPL", "BUY", 1, 150, tif="GTC"))
        client.send(order(login, 3, "FUT ES", "BUY", 1, 4000), order(login, 4, "AAPL", "BUY", 1, 150, outside_rth=True))
        await until_second(world, CLOSE_S - 5)
        assert set(ended(client).values()) == {"Submitted"} and len(ended(client)) == 4
        await until_second(world, CLOSE_S + 5)
        assert [number for number, status in ended(client).items() if status == "Cancelled"] == [1]
        assert [error.req_id for error in client.errors(202)] == [1]
        await until_second(world, PAUSE_S + 5)
        assert sorted(number for number, status in ended(client).items() if status == "Cancelled") == [1, 3]
        await until_second(world, 10 * HOUR_S)  # the late session of stocks ended at 20:00
        assert [view.request.order_id for view in login.working()] == [2]

    in_a_day(test)


def test_after_the_daily_restart_orders_and_positions_are_there_and_streams_are_not() -> None:
    async def test(world: World, login: Login) -> None:
        client = await connect(login.ports[0])
        client.send(order(login, 1, "AAPL", "BUY", 1, 150, tif="GTC"))
        await until_second(world, RESTART_S - 60)
        client.send(ReqMktData(5, instrument(login, "FUT ES").contract), bars(login, 6, "FUT ES"))
        client.send(by_tick(login, 7, "Last", "FUT ES"), ReqPnL(8, ACCOUNT))
        await client.gone(limit_s=120)
        assert heard(client, 50) and heard(client, 99) and client.of(PnL)
        await asyncio.sleep(700)
        assert not login.server.clients
        again = await connect(login.ports[0])
        orders = await again.ask(ReqAllOpenOrders(), OpenOrderEnd)
        assert [opened.order_id for opened in orders if isinstance(opened, OpenOrder)] == [1]
        held = await again.ask(ReqPositions(), PositionEnd)
        assert {known(position.position) for position in held if isinstance(position, Position)} == {Decimal(100), 2}
        again.replies.clear()
        await asyncio.sleep(60)
        assert not again.replies
        again.send(order(login, 2, "FUT ES", "SELL", 2))
        await again.until(lambda: ended(again).get(2) == "Filled")

    in_a_day(test, faults.Restart(after_s=RESTART_S, down_s=600))


def test_daily_profit_begins_anew_at_midnight_and_the_rest_goes_on() -> None:
    async def test(world: World, login: Login) -> None:
        client = await connect(login.ports[0])
        client.send(order(login, 1, "FUT ES", "SELL", 1))
        await until_second(world, MIDNIGHT_S - 30)
        client.send(ReqPnL(8, ACCOUNT))
        await until_second(world, MIDNIGHT_S + 30)
        told = client.of(PnL)
        before, after = told[25], told[35]
        assert abs(known(before.daily) or 0) > 10 * abs(known(after.daily) or 0)
        assert known(before.realized) and not known(after.realized)
        assert abs((known(before.unrealized) or 0) - (known(after.unrealized) or 0)) < 1000

    in_a_day(test)

"""Clients that nobody here wrote, over real sockets: through the gateway they see what they would see without it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import ib_async
import pytest
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from msgspec.structs import replace

from engine.config.gateway_table import GatewayTable
from engine.core.preflight.settings import DEFAULTS
from engine.gateway.gateway import Gateway
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.simulator.server import Login
from engine.trading.entries import LoginConfig
from engine.trading.modes import TradingMode
from engine.trading.order_settings import OrderSettings
from engine.trading.rules import Rules, open_rules
from simulator.test_unmodified_clients import Official

pytestmark = pytest.mark.clients
PATIENCE_S = 20.0


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 third-party state has no event to wait for
            await asyncio.sleep(0.01)


class Over:
    """A gateway over a simulated TWS, on real sockets."""

    def __init__(self, login: Login, home: Path, rules: Rules) -> None:
        self.login, self.rules = login, rules
        config = LoginConfig(name="paper", mode=TradingMode.PAPER, host="127.0.0.1", port=login.ports[0], client_id=95)
        settings = replace(DEFAULTS, position_age_ns_max=None)
        self.gateway = Gateway(
            {config: 0},
            GatewayTable(),
            OrderSettings(settings),
            rules,
            home=home,
            wall_ns=time.time_ns,
            clock=time.perf_counter,
            log=lambda _text: None,
        )

    @property
    def port(self) -> int:
        return self.gateway.doors[0].address[1]

    @property
    def desk(self) -> Any:
        return self.gateway.doors[0].desk


def over_a_gateway(tmp_path: Path, test: Callable[[Over], Awaitable[None]]) -> None:
    async def main() -> None:
        async with build_world(load_scenario("calm"), ports={"paper": (0,), "live": (0,)}) as world:
            over = Over(world.login("paper"), tmp_path, open_rules(tmp_path))
            await over.gateway.open()
            await until(lambda: not over.desk.warming_up)
            try:
                await test(over)
            finally:
                await over.gateway.close()

    asyncio.run(main())


async def session(port: int, client_id: int = 21) -> ib_async.IB:
    ib = ib_async.IB()
    ib.RaiseRequestErrors = False
    await ib.connectAsync("127.0.0.1", port, clientId=client_id, timeout=PATIENCE_S, raiseSyncErrors=True)
    return ib


async def trade(ib: ib_async.IB, login: Login) -> list[Any]:
    """A day's worth of a program: what it saw, without what differs by time and number."""
    seen: list[Any] = [ib.managedAccounts(), sorted(position.contract.conId for position in ib.positions())]
    (stock,) = await ib.qualifyContractsAsync(ib_async.Stock("MSFT", "SMART", "USD"))
    bought = ib.placeOrder(stock, ib_async.MarketOrder("BUY", 20, orderRef="probe"))
    await until(bought.isDone)
    seen.append([entry.status for entry in bought.log])
    resting = ib.placeOrder(stock, ib_async.LimitOrder("BUY", 5, 400))
    await until(lambda: resting.orderStatus.status == "Submitted")
    resting.order.lmtPrice = 401
    ib.placeOrder(stock, resting.order)
    await until(lambda: [view for view in login.working() if view.request.lmt_price == 401])
    ib.cancelOrder(resting.order)
    await until(resting.isDone)
    seen.append(resting.orderStatus.status)
    legs = ib.bracketOrder("BUY", 10, 425, 480, 390)
    trades = [ib.placeOrder(stock, leg) for leg in legs]
    await until(lambda: all(each.orderStatus.status in ("Submitted", "PreSubmitted") for each in trades))
    seen.append([each.orderStatus.status for each in trades])
    preview = await ib.whatIfOrderAsync(stock, ib_async.MarketOrder("BUY", 1))
    seen.append(type(preview).__name__)
    ib.reqGlobalCancel()
    await until(lambda: all(each.isDone() for each in trades))
    seen.append([each.orderStatus.status for each in trades])
    return seen


def test_ib_async_sees_the_same_through_the_gateway_as_without_it(tmp_path: Path) -> None:
    async def test(over: Over) -> None:
        direct, through = await session(over.login.ports[0], 21), await session(over.port, 22)
        with_it = await trade(through, over.login)
        assert with_it == await trade(direct, over.login)
        assert over.desk.tally.counts["orders passed"] == 6
        for ib in (direct, through):
            ib.disconnect()

    over_a_gateway(tmp_path, test)


def test_ib_async_is_told_of_a_halt_and_goes_on(tmp_path: Path) -> None:
    async def test(over: Over) -> None:
        ib, errors = await session(over.port), []
        ib.errorEvent += lambda req_id, code, text, _contract: errors.append((req_id, code, text))
        (stock,) = await ib.qualifyContractsAsync(ib_async.Stock("AAPL", "SMART", "USD"))
        over.rules.halt(over.desk.entry.scope, "lunch")
        refused = ib.placeOrder(stock, ib_async.LimitOrder("BUY", 5, 200))
        await until(refused.isDone)
        (error,) = [one for one in errors if one[0] == refused.order.orderId]
        assert error[1] == 201 and "halted" in error[2] and "lunch" in error[2]
        assert ib.isConnected() and await ib.reqCurrentTimeAsync()
        reducing = ib.placeOrder(stock, ib_async.MarketOrder("SELL", 5))
        await until(reducing.isDone)
        ib.disconnect()

    over_a_gateway(tmp_path, test)


def test_a_refused_modify_leaves_the_order_alive_for_ib_async(tmp_path: Path) -> None:
    async def test(over: Over) -> None:
        ib = await session(over.port)
        (stock,) = await ib.qualifyContractsAsync(ib_async.Stock("AAPL", "SMART", "USD"))
        trade = ib.placeOrder(stock, ib_async.LimitOrder("BUY", 5, 200))
        await until(lambda: trade.orderStatus.status == "Submitted")
        over.rules.halt(over.desk.entry.scope, "lunch")
        trade.order.totalQuantity = 500
        ib.placeOrder(stock, trade.order)
        await until(lambda: trade.order.totalQuantity == 5)
        assert trade.isActive() and trade.orderStatus.status == "Submitted"
        ib.cancelOrder(trade.order)
        await until(lambda: trade.orderStatus.status == "Cancelled")
        ib.disconnect()

    over_a_gateway(tmp_path, test)


def test_ibkrs_own_client_trades_cancels_and_is_refused(tmp_path: Path) -> None:
    async def test(over: Over) -> None:
        official = Official()
        await asyncio.to_thread(official.connect, "127.0.0.1", over.port, 41)
        reader = threading.Thread(target=official.run, daemon=True)
        reader.start()
        await until(official.ready.is_set)
        official.reqPositions()
        await until(lambda: official.of("positionEnd"))
        assert len(official.of("position")) == len(over.login.positions())
        contract, order = Contract(), Order()
        contract.symbol, contract.secType, contract.exchange, contract.currency = "MSFT", "STK", "SMART", "USD"
        order.action, order.totalQuantity, order.orderType, order.tif = "BUY", Decimal(10), "MKT", "DAY"
        official.placeOrder(1, contract, order)
        await until(lambda: (1, "Filled") in official.of("status"))
        order.orderType, order.lmtPrice = "LMT", 250.0
        official.placeOrder(2, contract, order)
        await until(lambda: (2, "Submitted") in official.of("status"))
        over.rules.halt(over.desk.entry.scope, "lunch")
        official.placeOrder(3, contract, order)
        await until(lambda: [error for error in official.of("error") if error[0] == 3 and 201 in error])
        official.cancelOrder(2, OrderCancel())
        await until(lambda: (2, "Cancelled") in official.of("status"))
        official.disconnect()
        await asyncio.to_thread(reader.join, PATIENCE_S)

    over_a_gateway(tmp_path, test)

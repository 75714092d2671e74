"""Clients that nobody here wrote take the simulator for TWS, over real sockets and nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import ib_async
import pytest
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.wrapper import EWrapper

from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.simulator.server import Login, World
from engine.simulator.server.naming import find_contract

pytestmark = pytest.mark.clients
PATIENCE_S = 20.0


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 third-party state has no event to wait for
            await asyncio.sleep(0.01)


async def calm() -> World:
    return build_world(load_scenario("calm"), ports={"paper": (0,), "live": (0,)})


# --- ib_async --------------------------------------------------------------------------------------------
async def ib_session(login: Login, client_id: int = 21, timeout_s: float = PATIENCE_S) -> ib_async.IB:
    ib = ib_async.IB()
    ib.RaiseRequestErrors = False
    await ib.connectAsync("127.0.0.1", login.ports[0], clientId=client_id, timeout=timeout_s, raiseSyncErrors=True)
    return ib


def test_ib_async_starts_trades_and_reads_everything_back() -> None:
    async def main() -> None:
        async with await calm() as world:
            login = world.login("paper")
            ib = await ib_session(login)
            assert ib.managedAccounts() == ["DU1234567"]
            assert len(ib.positions()) == len(login.positions())
            assert len(await ib.reqAllOpenOrdersAsync()) == len(login.working())
            (stock,) = await ib.qualifyContractsAsync(ib_async.Stock("MSFT", "SMART", "USD"))
            assert stock.primaryExchange == "NASDAQ"

            bought = ib.placeOrder(stock, ib_async.MarketOrder("BUY", 20, orderRef="probe"))
            await until(bought.isDone)
            assert bought.orderStatus.status == "Filled"
            await until(lambda: bought.fills[0].commissionReport.execId)
            assert [fill.execution.orderRef for fill in await ib.reqExecutionsAsync()] == ["probe"]

            resting = ib.placeOrder(stock, ib_async.LimitOrder("BUY", 5, 400))
            await until(lambda: resting.orderStatus.status == "Submitted")
            resting.order.lmtPrice = 401
            ib.placeOrder(stock, resting.order)
            await until(lambda: [view for view in login.working() if view.request.lmt_price == 401])
            ib.cancelOrder(resting.order)
            await until(resting.isDone)
            assert resting.orderStatus.status == "Cancelled"

            parent, target, stop = ib.bracketOrder("BUY", 10, 425, 480, 390)
            for leg in (parent, target, stop):
                ib.placeOrder(stock, leg)
            await until(lambda: len([v for v in login.working() if v.request.client_id == 21]) == 3)

            preview = await ib.whatIfOrderAsync(stock, ib_async.MarketOrder("BUY", 1))
            assert float(preview.commission) > 0
            (ticker,) = await ib.reqTickersAsync(stock)
            assert 0 < ticker.bid < ticker.ask
            assert await ib.reqCompletedOrdersAsync(False)
            summary = {row.tag: row.value for row in await ib.accountSummaryAsync()}
            assert Decimal(summary["NetLiquidation"]) > 0
            ib.disconnect()
            await until(lambda: not login.server.clients)

    asyncio.run(main())


def test_ib_async_profit_and_loss_and_live_prices() -> None:
    async def main() -> None:
        async with await calm() as world:
            ib = await ib_session(world.login("live"))
            pnl = ib.reqPnL("U7654321")
            (future,) = [held.contract for held in ib.positions() if held.contract.symbol == "NQ"]
            (future,) = await ib.qualifyContractsAsync(ib_async.Contract(conId=future.conId))
            ticker = ib.reqMktData(future)
            await until(lambda: ticker.hasBidAsk() and pnl.unrealizedPnL == pnl.unrealizedPnL)
            ib.disconnect()

    asyncio.run(main())


def test_a_kill_script_as_a_user_would_write_it_ends_flat() -> None:
    async def main() -> None:
        async with await calm() as world:
            login = world.login("paper")
            ib = await ib_session(login)
            ib.reqGlobalCancel()
            await until(lambda: not login.working())
            for held in sorted(ib.positions(), key=lambda held: held.position > 0):
                (contract,) = await ib.qualifyContractsAsync(ib_async.Contract(conId=held.contract.conId))
                side = "SELL" if held.position > 0 else "BUY"
                trade = ib.placeOrder(contract, ib_async.MarketOrder(side, abs(held.position)))
                await until(trade.isDone)
                assert trade.orderStatus.status == "Filled", trade.log
            assert login.is_flat()
            assert not [held for held in await ib.reqPositionsAsync() if held.position]
            ib.disconnect()

    asyncio.run(main())


def test_ib_async_trades_a_combination() -> None:
    async def main() -> None:
        async with await calm() as world:
            login = world.login("paper")
            ib = await ib_session(login)
            puts = [ib_async.Option("SPY", "20260417", strike, "P", "SMART") for strike in (580, 560)]
            long, short = await ib.qualifyContractsAsync(*puts)
            before = login.positions()
            bag = ib_async.Bag(
                symbol="SPY",
                exchange="SMART",
                currency="USD",
                comboLegs=[
                    ib_async.ComboLeg(conId=long.conId, ratio=1, action="BUY", exchange="SMART"),
                    ib_async.ComboLeg(conId=short.conId, ratio=1, action="SELL", exchange="SMART"),
                ],
            )
            resting = ib.placeOrder(bag, ib_async.LimitOrder("BUY", 5, -1))
            await until(lambda: resting.orderStatus.status == "Submitted")
            (seen,) = [trade for trade in await ib.reqAllOpenOrdersAsync() if trade.contract.secType == "BAG"]
            assert [leg.conId for leg in seen.contract.comboLegs] == [long.conId, short.conId]
            ib.reqGlobalCancel()
            await until(resting.isDone)

            closing = ib.placeOrder(bag, ib_async.MarketOrder("SELL", 10))
            await until(closing.isDone)
            assert closing.orderStatus.status == "Filled", closing.log
            assert sorted(fill.contract.secType for fill in closing.fills) == ["BAG", "OPT", "OPT"]
            gone = [con_id for (_, con_id) in before if ("DU1234567", con_id) not in login.positions()]
            assert sorted(gone) == sorted([long.conId, short.conId])
            ib.disconnect()

    asyncio.run(main())


def test_ib_async_places_an_order_that_waits_for_a_price() -> None:
    async def main() -> None:
        async with await calm() as world:
            login = world.login("paper")
            ib = await ib_session(login)
            (stock,) = await ib.qualifyContractsAsync(ib_async.Stock("AAPL", "SMART", "USD"))
            order = ib_async.MarketOrder("BUY", 1, conditionsIgnoreRth=True)
            order.conditions = [ib_async.PriceCondition(price=1000, conId=stock.conId, exch="SMART", isMore=True)]
            held = ib.placeOrder(stock, order)
            await until(lambda: held.orderStatus.status == "PreSubmitted")
            (seen,) = [t for t in await ib.reqAllOpenOrdersAsync() if t.order.orderId == order.orderId]
            assert [condition.price for condition in seen.order.conditions] == [1000]
            exchange = login.exchange
            login.server.act(lambda now_ns: exchange.set_price(now_ns, stock.conId, Decimal(1000)))
            await until(held.isDone)
            assert held.orderStatus.status == "Filled"
            ib.disconnect()

    asyncio.run(main())


def test_ib_async_exercises_an_option_and_sees_the_shares() -> None:
    async def main() -> None:
        async with await calm() as world:
            login = world.login("paper")
            exchange = login.exchange
            listed = find_contract(exchange.catalogue, "OPT AAPL 20260417 150 C")  # so deep that the chain has it not
            ib = await ib_session(login)
            ib.reqGlobalCancel()
            await until(lambda: not login.working())
            (option,) = await ib.qualifyContractsAsync(ib_async.Option("AAPL", "20260417", 150, "C", "SMART"))
            trade = ib.placeOrder(option, ib_async.MarketOrder("BUY", 2))
            await until(trade.isDone)
            before = exchange.held("DU1234567", 265598)
            ib.exerciseOptions(option, 1, 2, "DU1234567", 0)
            await ib.reqCurrentTimeAsync()
            until_ns = listed.calendar.current_or_next(exchange.now_ns, liquid=False).end_ns
            login.server.act(lambda _now_ns: exchange.advance(until_ns))
            assert exchange.held("DU1234567", 265598) == before + 200
            await until(
                lambda: [p for p in ib.positions() if p.contract.conId == 265598 and p.position == before + 200]
            )
            assert not [p for p in ib.positions() if p.contract.conId == option.conId]
            ib.disconnect()

    asyncio.run(main())


def test_ib_async_asks_for_the_past_and_for_option_series() -> None:
    async def main() -> None:
        async with await calm() as world:
            ib = await ib_session(world.login("paper"))
            (stock,) = await ib.qualifyContractsAsync(ib_async.Stock("AAPL", "SMART", "USD"))
            minutes = await ib.reqHistoricalDataAsync(stock, "", "1 D", "5 mins", "TRADES", useRTH=False)
            assert len(minutes) == 12 * 6.5 + 1 and all(bar.low <= bar.close <= bar.high for bar in minutes)
            days = await ib.reqHistoricalDataAsync(stock, "", "1 M", "1 day", "MIDPOINT", useRTH=True)
            assert len(days) > 15 and days[-1].date.isoformat() == "2026-03-11"
            first = await ib.reqHeadTimeStampAsync(stock, "TRADES", True, 2)
            assert first.year == 2024
            chains = await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", stock.conId)
            assert chains[0].strikes and chains[0].expirations
            ib.disconnect()

    asyncio.run(main())


def test_ib_async_streams_bars_and_ticks_and_reads_ticks_of_the_past() -> None:
    async def main() -> None:
        async with await calm() as world:
            ib = await ib_session(world.login("paper"))
            (stock,) = await ib.qualifyContractsAsync(ib_async.Stock("AAPL", "SMART", "USD"))
            (pair,) = await ib.qualifyContractsAsync(ib_async.Forex("EURUSD"))
            bars = ib.reqRealTimeBars(stock, 5, "TRADES", useRTH=False)
            trades, quotes = ib.reqTickByTickData(stock, "Last", 3), ib.reqTickByTickData(pair, "BidAsk")
            middles = ib.reqTickByTickData(pair, "MidPoint")
            for show in ("TRADES", "BID_ASK", "MIDPOINT"):
                past = await ib.reqHistoricalTicksAsync(
                    stock, "20260311 10:00:00 US/Eastern", "", 100, show, useRth=True
                )
                assert len(past) == 100 and f"{past[0].time:%Y-%m-%d %H:%M:%S}" == "2026-03-11 14:00:00"
            await until(lambda: bars and trades.tickByTicks and quotes.tickByTicks and middles.tickByTicks)
            assert bars[0].low <= bars[0].close <= bars[0].high and bars[0].volume > 0
            ib.cancelRealTimeBars(bars)
            ib.cancelTickByTickData(stock, "Last")
            ib.disconnect()

    asyncio.run(main())


def test_ib_async_sees_greeks_and_computes_options() -> None:
    async def main() -> None:
        async with await calm() as world:
            ib = await ib_session(world.login("paper"))
            (put,) = await ib.qualifyContractsAsync(ib_async.Option("SPY", "20260417", 580, "P", "SMART"))
            ticker = ib.reqMktData(put)
            await until(lambda: ticker.modelGreeks and ticker.hasBidAsk())
            assert -1 < ticker.modelGreeks.delta < 0 < ticker.modelGreeks.gamma
            assert abs(ticker.modelGreeks.optPrice - ticker.midpoint()) < 0.1
            found = await ib.calculateImpliedVolatilityAsync(put, ticker.midpoint(), ticker.modelGreeks.undPrice)
            assert abs(found.impliedVol - ticker.modelGreeks.impliedVol) < 0.01
            priced = await ib.calculateOptionPriceAsync(put, found.impliedVol, ticker.modelGreeks.undPrice)
            assert abs(priced.optPrice - ticker.midpoint()) < 0.1
            ib.disconnect()

    asyncio.run(main())


def test_ib_async_is_kept_waiting_by_none_of_its_questions() -> None:
    async def main() -> None:
        async with await calm() as world:
            ib = await ib_session(world.login("paper"))
            (stock,) = await ib.qualifyContractsAsync(ib_async.Stock("AAPL", "SMART", "USD"))
            (found,) = await ib.reqMatchingSymbolsAsync("AAPL") or []
            assert found.contract.conId == stock.conId and found.derivativeSecTypes == ["OPT"]
            schedule = await ib.reqHistoricalScheduleAsync(stock, 5)
            assert schedule is not None and len(schedule.sessions) == 5
            scanner = ib_async.ScannerSubscription(instrument="STK", locationCode="STK.US", scanCode="TOP_PERC_GAIN")
            assert await ib.reqSmartComponentsAsync("9c0001")
            assert "ScanParameterResponse" in await ib.reqScannerParametersAsync()
            for answer in (
                ib.reqMktDepthExchangesAsync(),
                ib.reqNewsProvidersAsync(),
                ib.reqUserInfoAsync(),
                ib.reqHistoricalNewsAsync(stock.conId, "BRFG", "", "", 5),
                ib.reqNewsArticleAsync("BRFG", "x"),
                ib.reqScannerDataAsync(scanner),
                ib.reqFundamentalDataAsync(stock, "ReportSnapshot"),
                ib.reqHistogramDataAsync(stock, True, "3 days"),
                ib.getWshMetaDataAsync(),
                ib.getWshEventDataAsync(ib_async.WshEventData(conId=stock.conId)),
            ):
                assert not await asyncio.wait_for(answer, PATIENCE_S)
            errors: list[int] = []
            ib.errorEvent += lambda _req_id, code, *_rest: errors.append(code)
            ib.reqMktDepth(stock)
            await until(lambda: 10092 in errors)
            ib.disconnect()

    asyncio.run(main())


def test_two_ib_async_sessions_on_one_id_and_on_two() -> None:
    async def main() -> None:
        async with await calm() as world:
            login = world.login("paper")
            first, second = await ib_session(login, 31), await ib_session(login, 32)
            with pytest.raises((ConnectionError, TimeoutError, asyncio.TimeoutError)):
                await ib_session(login, 31, timeout_s=1.0)
            (stock,) = await first.qualifyContractsAsync(ib_async.Stock("AAPL", "SMART", "USD"))
            trade = first.placeOrder(stock, ib_async.LimitOrder("BUY", 1, 215))
            await until(lambda: trade.orderStatus.status == "Submitted")
            assert not await second.reqOpenOrdersAsync()
            assert trade.order.orderId in [t.order.orderId for t in await second.reqAllOpenOrdersAsync()]
            second.reqGlobalCancel()
            await until(trade.isDone)
            first.disconnect()
            second.disconnect()

    asyncio.run(main())


# --- IBKR's own client -------------------------------------------------------------------------------------
class Official(EWrapper, EClient):
    """IBKR's Python client with the least that is needed to see what it saw."""

    def __init__(self) -> None:
        EClient.__init__(self, self)
        self.seen: list[tuple[str, Any]] = []
        self.ready = threading.Event()

    def nextValidId(self, orderId: int) -> None:
        self.seen.append(("id", orderId))
        self.ready.set()

    def error(self, reqId: int, *rest: Any) -> None:
        self.seen.append(("error", (reqId, *rest)))

    def position(self, account: str, contract: Contract, position: Decimal, avgCost: float) -> None:
        self.seen.append(("position", (contract.localSymbol, position)))

    def positionEnd(self) -> None:
        self.seen.append(("positionEnd", None))

    def orderStatus(self, orderId: int, status: str, *rest: Any) -> None:
        self.seen.append(("status", (orderId, status)))

    def openOrderEnd(self) -> None:
        self.seen.append(("openOrderEnd", None))

    def execDetails(self, reqId: int, contract: Contract, execution: Any) -> None:
        self.seen.append(("fill", (execution.orderId, execution.shares)))

    def realtimeBar(self, reqId: int, time: int, *rest: Any) -> None:
        self.seen.append(("bar", (reqId, time)))

    def historicalTicksLast(self, reqId: int, ticks: Any, done: bool) -> None:
        self.seen.append(("ticks", (reqId, len(ticks), done)))

    def historicalTicksBidAsk(self, reqId: int, ticks: Any, done: bool) -> None:
        self.seen.append(("ticks", (reqId, len(ticks), done)))

    def historicalTicks(self, reqId: int, ticks: Any, done: bool) -> None:
        self.seen.append(("ticks", (reqId, len(ticks), done)))

    def tickByTickAllLast(self, reqId: int, *rest: Any) -> None:
        self.seen.append(("tick", reqId))

    def tickByTickBidAsk(self, reqId: int, *rest: Any) -> None:
        self.seen.append(("tick", reqId))

    def tickByTickMidPoint(self, reqId: int, *rest: Any) -> None:
        self.seen.append(("tick", reqId))

    def symbolSamples(self, reqId: int, contractDescriptions: Any) -> None:
        self.seen.append(("symbols", [found.contract.symbol for found in contractDescriptions]))

    def familyCodes(self, familyCodes: Any) -> None:
        self.seen.append(("families", [code.accountID for code in familyCodes]))

    def of(self, what: str) -> list[Any]:
        return [value for kind, value in list(self.seen) if kind == what]


@pytest.fixture
def official() -> Iterator[Official]:
    client = Official()
    yield client
    client.disconnect()


def test_ibkrs_own_client_hears_bars_and_ticks_and_what_is_refused(official: Official) -> None:
    async def main() -> None:
        async with await calm() as world:
            login = world.login("paper")
            await asyncio.to_thread(official.connect, "127.0.0.1", login.ports[0], 42)
            reader = threading.Thread(target=official.run, daemon=True)
            reader.start()
            await until(official.ready.is_set)
            contract = Contract()
            contract.symbol, contract.secType, contract.exchange, contract.currency = "AAPL", "STK", "SMART", "USD"
            official.reqRealTimeBars(1, contract, 5, "TRADES", False, [])
            for req_id, kind in ((2, "AllLast"), (3, "BidAsk"), (4, "MidPoint")):
                official.reqTickByTickData(req_id, contract, kind, 0, False)
            for req_id, show in ((5, "TRADES"), (6, "BID_ASK"), (7, "MIDPOINT")):
                official.reqHistoricalTicks(req_id, contract, "", "20260311 10:00:00 US/Eastern", 9, show, 1, False, [])
            official.reqMatchingSymbols(8, "AAPL")
            official.reqFamilyCodes()
            official.reqMktDepth(9, contract, 5, True, [])
            await until(lambda: official.of("bar") and {2, 3, 4} <= set(official.of("tick")))
            await until(lambda: len(official.of("ticks")) == 3 and official.of("families"))
            assert sorted(official.of("ticks")) == [(5, 9, True), (6, 9, True), (7, 9, True)]
            assert official.of("symbols") == [["AAPL"]] and official.of("families") == [["DU1234567"]]
            await until(lambda: [error for error in official.of("error") if error[0] == 9 and 10092 in error])
            official.disconnect()
            await asyncio.to_thread(reader.join, PATIENCE_S)

    asyncio.run(main())


def test_ibkrs_own_client_trades_and_cancels(official: Official) -> None:
    async def main() -> None:
        async with await calm() as world:
            login = world.login("paper")
            await asyncio.to_thread(official.connect, "127.0.0.1", login.ports[0], 41)
            reader = threading.Thread(target=official.run, daemon=True)
            reader.start()
            await until(official.ready.is_set)
            official.reqPositions()
            await until(lambda: official.of("positionEnd"))
            assert len(official.of("position")) == len(login.positions())

            contract = Contract()
            contract.symbol, contract.secType, contract.exchange, contract.currency = "AAPL", "STK", "SMART", "USD"
            order = Order()
            order.action, order.totalQuantity, order.orderType, order.tif = "SELL", Decimal(100), "MKT", "DAY"
            official.placeOrder(1, contract, order)
            await until(lambda: (1, "Filled") in official.of("status"))
            assert official.of("fill") == [(1, 100)]
            order.orderType, order.lmtPrice = "LMT", 250.0
            official.placeOrder(2, contract, order)
            await until(lambda: (2, "Submitted") in official.of("status"))
            official.reqAllOpenOrders()
            await until(lambda: official.of("openOrderEnd"))
            official.cancelOrder(2, OrderCancel())
            await until(lambda: (2, "Cancelled") in official.of("status"))
            official.disconnect()
            await asyncio.to_thread(reader.join, PATIENCE_S)

    asyncio.run(main())

"""Positions, account values, profit and loss, contracts and market data, as TWS tells them."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from engine.core.contracts import Contract
from engine.core.units import UNSET
from engine.simulator import faults
from engine.simulator.server import Login, ServerOptions
from engine.wire.replies import (
    AccountDownloadEnd,
    AccountSummary,
    AccountSummaryEnd,
    AccountUpdateMulti,
    AccountUpdateMultiEnd,
    AccountValue,
    ContractDetails,
    ContractDetailsEnd,
    MarketDataType,
    MarketRule,
    PnL,
    PnLSingle,
    PortfolioValue,
    Position,
    PositionEnd,
    PositionMulti,
    PositionMultiEnd,
    TickPrice,
    TickSnapshotEnd,
)
from engine.wire.requests import (
    CancelAccountSummary,
    CancelMktData,
    CancelPnL,
    CancelPositions,
    ReqAccountSummary,
    ReqAccountUpdates,
    ReqAccountUpdatesMulti,
    ReqContractDetails,
    ReqMarketDataType,
    ReqMarketRule,
    ReqMktData,
    ReqPnL,
    ReqPnLSingle,
    ReqPositions,
    ReqPositionsMulti,
)
from simulator.wire_client import WireClient, connect, in_world, instrument, order

HELD = {"FUT ES": 2, "AAPL": 100}


# --- positions -----------------------------------------------------------------------------------------
def test_futures_come_without_exchange_and_stocks_with_their_listing_exchange() -> None:
    async def test(login: Login, client: WireClient) -> None:
        *held, _ = await client.ask(ReqPositions(), PositionEnd)
        assert {position.contract.symbol: position.contract.exchange for position in held} == {
            "ES": "",
            "AAPL": "NASDAQ",
        }

    in_world(test, holdings=HELD)


def test_positions_update_until_cancelled_and_closed_ones_show_zero() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await client.ask(ReqPositions(), PositionEnd)
        client.send(order(login, 1, "AAPL", "SELL", 100))
        await client.until(lambda: client.of(Position)[-1].position == 0)
        *held, _ = await client.ask(ReqPositions(), PositionEnd)
        assert {position.contract.symbol: position.position for position in held} == {"ES": 2, "AAPL": 0}
        client.send(CancelPositions())
        await asyncio.sleep(0.1)
        count = len(client.of(Position))
        client.send(order(login, 2, "AAPL", "BUY", 1))
        await asyncio.sleep(1)
        assert len(client.of(Position)) == count

    in_world(test, holdings=HELD)


def test_stale_positions_follow_fills_late_in_reads_and_updates() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await client.ask(ReqPositions(), PositionEnd)
        client.send(order(login, 1, "AAPL", "SELL", 100))
        await asyncio.sleep(2.9)
        *held, _ = await client.ask(ReqPositions(), PositionEnd)
        assert {position.contract.symbol: position.position for position in held}["AAPL"] == 100
        assert not [held for held in login.position_views() if held.instrument.contract.symbol == "AAPL"]
        await client.until(lambda: client.of(Position)[-1].position == 0)
        assert login.server.clock.elapsed_s() >= 3

    in_world(test, faults.StalePositions(lag_s=3), holdings=HELD)


def test_a_standing_feed_of_positions_shows_what_was_and_catches_up_at_its_end() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await client.ask(ReqPositions(), PositionEnd)
        client.send(order(login, 1, "AAPL", "SELL", 60), order(login, 2, "AAPL", "SELL", 40))
        await asyncio.sleep(28)
        *held, _ = await client.ask(ReqPositions(), PositionEnd)
        assert {position.contract.symbol: position.position for position in held}["AAPL"] == 100
        assert not [held for held in login.position_views() if held.instrument.contract.symbol == "AAPL"]
        told = len(client.of(Position))
        await client.until(lambda: client.of(Position)[-1].position == 0)
        assert [position.position for position in client.of(Position)[told:]] == [40, 0]
        assert 29 <= login.server.clock.elapsed_s() < 31

    in_world(test, faults.StandingFeed(feed="positions", for_s=30), holdings=HELD)


def test_a_feed_stands_still_until_the_last_that_holds_it_ends_and_does_not_begin_anew() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(ReqPositions(), order(login, 1, "AAPL", "SELL", 100))
        await asyncio.sleep(12)
        *held, _ = await client.ask(ReqPositions(), PositionEnd)
        assert {position.contract.symbol: position.position for position in held}["AAPL"] == 100
        await client.until(lambda: client.of(Position)[-1].position == 0)
        assert login.server.clock.elapsed_s() >= 20

    long = faults.StandingFeed(feed="positions", for_s=20)
    in_world(test, faults.StandingFeed(feed="positions", for_s=10), long, holdings=HELD)


def test_old_account_values_show_what_was_held_and_positions_do_not() -> None:
    async def test(login: Login, client: WireClient) -> None:
        async def gross() -> str:
            told = await client.ask(ReqAccountSummary(9, "All", "GrossPositionValue"), AccountSummaryEnd)
            client.send(CancelAccountSummary(9))
            return next(row.value for row in told if isinstance(row, AccountSummary) and row.account == "DU1")

        held = await gross()
        client.send(order(login, 1, "AAPL", "SELL", 100))
        await asyncio.sleep(5)
        *rows, _ = await client.ask(ReqPositions(), PositionEnd)
        assert {row.contract.symbol: row.position for row in rows if isinstance(row, Position)}["AAPL"] == 0
        assert await gross() == held
        await asyncio.sleep(60)
        assert await gross() != held

    in_world(test, faults.OldAccountValues(for_s=60), holdings=HELD)


def test_positions_multi_are_for_one_account() -> None:
    async def test(login: Login, client: WireClient) -> None:
        replies = await client.ask(ReqPositionsMulti(4, "DU1"), PositionMultiEnd)
        assert len([reply for reply in replies if isinstance(reply, PositionMulti)]) == 2
        assert len(await client.ask(ReqPositionsMulti(5, "DU2"), PositionMultiEnd)) == 1
        client.send(ReqPositionsMulti(6, "DU9"))
        await client.until(lambda: client.errors(321))

    in_world(test, holdings=HELD, accounts=("DU1", "DU2"))


# --- account values ------------------------------------------------------------------------------------
def test_account_updates_are_for_one_account_and_a_second_subscription_replaces_the_first() -> None:
    async def test(login: Login, client: WireClient) -> None:
        replies = await client.ask(ReqAccountUpdates(True, "DU1"), AccountDownloadEnd)
        values = {reply.key: reply.value for reply in replies if isinstance(reply, AccountValue)}
        assert Decimal(values["NetLiquidation"]) == login.exchange.account_values("DU1").net_liquidation
        assert values["AccountReady"] == "true"
        assert len([reply for reply in replies if isinstance(reply, PortfolioValue)]) == 2
        await client.ask(ReqAccountUpdates(True, "DU2"), AccountDownloadEnd)
        before = len(client.replies)
        client.send(order(login, 1, "AAPL", "SELL", 50, account="DU1"))
        await asyncio.sleep(1)
        assert not [reply for reply in client.replies[before:] if isinstance(reply, AccountValue)]
        await asyncio.sleep(181)
        later = [reply for reply in client.replies[before:] if isinstance(reply, AccountValue)]
        assert {reply.account for reply in later} == {"DU2"}, "again after three minutes"

    in_world(test, holdings=HELD, accounts=("DU1", "DU2"))


def test_account_updates_multi_and_summary_agree_with_the_books() -> None:
    async def test(login: Login, client: WireClient) -> None:
        net = f"{login.exchange.account_values('DU1').net_liquidation:.2f}"
        multi = await client.ask(ReqAccountUpdatesMulti(3, "DU1"), AccountUpdateMultiEnd)
        assert net in [
            reply.value for reply in multi if isinstance(reply, AccountUpdateMulti) and reply.key == "NetLiquidation"
        ]
        replies = await client.ask(ReqAccountSummary(4, "All", "NetLiquidation,Cushion,Nonsense"), AccountSummaryEnd)
        rows = {reply.tag: reply.value for reply in replies if isinstance(reply, AccountSummary)}
        assert rows["NetLiquidation"] == net
        assert set(rows) == {"NetLiquidation", "Cushion"}
        await client.ask(ReqAccountSummary(5, "All", "NetLiquidation"), AccountSummaryEnd)
        client.send(ReqAccountSummary(6, "All", "NetLiquidation"))
        await client.until(lambda: client.errors(322))

    in_world(test, holdings=HELD)


def test_account_ready_can_be_false() -> None:
    async def test(login: Login, client: WireClient) -> None:
        replies = await client.ask(ReqAccountUpdates(True, ""), AccountDownloadEnd)
        assert [reply.value for reply in replies if getattr(reply, "key", "") == "AccountReady"] == ["false"]

    in_world(test, faults.AccountNotReady())


def test_profit_and_loss_comes_once_a_second_and_the_first_is_incomplete() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(ReqPnL(7, "DU1"), ReqPnLSingle(8, "DU1", "", instrument(login, "AAPL").con_id))
        await asyncio.sleep(5)
        account, single = client.of(PnL), client.of(PnLSingle)
        assert len(account) == len(single) == 5
        assert account[0].realized is UNSET
        assert account[1].realized == 0
        assert single[-1].position == 100
        client.send(CancelPnL(7))
        await asyncio.sleep(2)
        assert len(client.of(PnL)) == 5

    in_world(test, holdings=HELD)


# --- contracts -----------------------------------------------------------------------------------------
def test_contract_details_by_id_alone_and_by_description() -> None:
    async def test(login: Login, client: WireClient) -> None:
        es = instrument(login, "FUT ES")
        details, _ = await client.ask(ReqContractDetails(5, Contract(con_id=es.con_id)), ContractDetailsEnd)
        assert isinstance(details, ContractDetails)
        assert (details.contract.exchange, details.contract.symbol) == ("CME", "ES")
        assert details.min_tick == Decimal("0.25")
        assert "20260311:" in details.trading_hours
        months = await client.ask(ReqContractDetails(6, Contract(symbol="ES", sec_type="FUT")), ContractDetailsEnd)
        assert len(months) > 2
        client.send(ReqContractDetails(7, Contract(symbol="NONESUCH", sec_type="STK")))
        await client.until(lambda: client.errors(200))
        (rule,) = await client.ask(ReqMarketRule(int(details.market_rule_ids.split(",")[0])), MarketRule)
        assert rule.increments[0].increment == Decimal("0.25")

    in_world(test)


# --- market data ---------------------------------------------------------------------------------------
def test_a_snapshot_ends_and_a_stream_goes_on_until_cancelled() -> None:
    async def test(login: Login, client: WireClient) -> None:
        contract = Contract(con_id=instrument(login, "AAPL").con_id, exchange="SMART")
        replies = await client.ask(ReqMktData(1, contract, snapshot=True), TickSnapshotEnd)
        ticks = {reply.tick_type: reply.price for reply in replies if isinstance(reply, TickPrice)}
        quote = login.exchange.quote(contract.con_id)
        assert (ticks[1], ticks[2]) == (quote.bid, quote.ask)
        assert MarketDataType(1, 1) in replies
        client.send(ReqMktData(2, contract))
        await asyncio.sleep(30)
        streamed = [reply for reply in client.of(TickPrice) if reply.req_id == 2]
        assert len(streamed) > 5
        client.send(CancelMktData(2))
        await asyncio.sleep(0.1)
        count = len(client.of(TickPrice))
        await asyncio.sleep(30)
        assert len(client.of(TickPrice)) == count

    in_world(test)


def test_without_a_subscription_it_is_354_and_delayed_data_must_be_asked_for() -> None:
    async def test(login: Login, client: WireClient) -> None:
        contract = Contract(con_id=instrument(login, "AAPL").con_id, exchange="SMART")
        client.send(ReqMktData(1, contract, snapshot=True))
        await client.until(lambda: client.errors(354))
        assert not client.of(TickPrice)
        client.send(ReqMarketDataType(3))
        replies = await client.ask(ReqMktData(2, contract, snapshot=True), TickSnapshotEnd)
        assert client.errors(10167)
        assert MarketDataType(2, 3) in replies
        assert {reply.tick_type for reply in replies if isinstance(reply, TickPrice)} <= {66, 67, 68, 72, 73, 75, 76}

    in_world(test, options=ServerOptions(market_data="delayed"))


def test_with_no_data_at_all_delayed_is_refused_too() -> None:
    async def test(login: Login, client: WireClient) -> None:
        contract = Contract(con_id=instrument(login, "AAPL").con_id, exchange="SMART")
        client.send(ReqMarketDataType(3), ReqMktData(1, contract))
        await client.until(lambda: client.errors(10168))

    in_world(test, options=ServerOptions(market_data="none"))


def test_a_missing_bid_is_minus_one_not_silence() -> None:
    async def test(login: Login, client: WireClient) -> None:
        contract = Contract(con_id=instrument(login, "AAPL").con_id, exchange="SMART")
        replies = await client.ask(ReqMktData(1, contract, snapshot=True), TickSnapshotEnd)
        assert [reply.price for reply in replies if isinstance(reply, TickPrice) and reply.tick_type == 1] == [-1]

    in_world(test, faults.NoBid(contract="AAPL"))


def test_two_clients_subscriptions_do_not_mix() -> None:
    async def test(login: Login, client: WireClient) -> None:
        other = await connect(login.ports[0], 2)
        await client.ask(ReqPositions(), PositionEnd)
        client.send(order(login, 1, "AAPL", "SELL", 1))
        await asyncio.sleep(1)
        assert not other.of(Position)
        assert not other.of(PnL)

    in_world(test, holdings=HELD)


def test_a_world_in_haste_tells_few_account_values_and_the_net_liquidation_among_them() -> None:
    async def test(login: Login, client: WireClient) -> None:
        *told, _ = await client.ask(ReqAccountUpdates(True, ""), AccountDownloadEnd)
        keys = [value.key for value in told if isinstance(value, AccountValue)]
        assert keys == ["AccountReady", "NetLiquidation", "TotalCashValue", "RealizedPnL", "UnrealizedPnL"]

    in_world(test, options=ServerOptions(few_values=True))

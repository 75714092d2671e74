"""Quotes carry the session beside bid, ask and last: open, high, low, volume."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from engine.core.units import known
from engine.simulator.server import Login, ServerOptions
from engine.wire.replies import TickPrice, TickSize, TickSnapshotEnd
from engine.wire.requests import ReqMarketDataType, ReqMktData
from simulator.wire_client import WireClient, in_world, instrument

LAST, HIGH, LOW, VOLUME, OPEN = 4, 6, 7, 8, 14


def prices(client: WireClient, tick: int) -> list[Decimal]:
    return [known(told.price) or Decimal(0) for told in client.of(TickPrice) if told.tick_type == tick]


def test_high_and_low_hold_every_last_price_and_are_never_taken_back() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(ReqMktData(1, instrument(login, "AAPL").contract))
        await asyncio.sleep(1200)
        highs, lows, lasts = (prices(client, tick) for tick in (HIGH, LOW, LAST))
        assert highs == sorted(set(highs)) and lows == sorted(set(lows), reverse=True)
        assert highs[-1] >= max(lasts) and lows[-1] <= min(lasts)
        assert len(prices(client, OPEN)) == 1 and lows[0] <= prices(client, OPEN)[0] <= highs[0]
        volumes = [known(told.size) or 0 for told in client.of(TickSize) if told.tick_type == VOLUME]
        assert len(volumes) > 10 and volumes == sorted(set(volumes))

    in_world(test)


def test_a_new_session_has_an_open_of_its_own() -> None:
    async def test(login: Login, client: WireClient) -> None:
        future = instrument(login, "FUT ES")
        opens_ns = future.calendar.current_or_next(login.exchange.now_ns, liquid=False).end_ns + 3600 * 1_000_000_000
        await asyncio.sleep((opens_ns - login.exchange.now_ns) / 1e9 - 60)
        client.send(ReqMktData(1, future.contract))
        await asyncio.sleep(120)
        assert len(prices(client, OPEN)) == 2
        assert prices(client, HIGH)[-1] - prices(client, LOW)[-1] < (prices(client, HIGH)[0] - prices(client, LOW)[0])

    in_world(test, limit_s=40_000)


def test_delayed_data_and_currencies_have_it_too_as_far_as_there_is_any() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(ReqMarketDataType(3))
        await client.ask(ReqMktData(1, instrument(login, "AAPL").contract, snapshot=True), TickSnapshotEnd)
        assert {72, 73, 76} <= {told.tick_type for told in client.of(TickPrice)}
        assert 74 in {told.tick_type for told in client.of(TickSize)}
        client.replies.clear()
        await client.ask(ReqMktData(2, instrument(login, "CASH EUR.USD").contract, snapshot=True), TickSnapshotEnd)
        assert {72, 73, 76} <= {told.tick_type for told in client.of(TickPrice)}
        assert 74 not in {told.tick_type for told in client.of(TickSize)}

    in_world(test, options=ServerOptions(market_data="delayed"))

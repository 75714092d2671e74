"""Real-time bars and ticks, past and present: what strategies feed on beside quotes and bars."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.core.contracts import Contract
from engine.simulator.exchange import Market
from engine.simulator.server import Login, ServerOptions
from engine.wire.replies import CurrentTime, UnknownReply
from engine.wire.requests import ReqCurrentTime, UnknownRequest
from simulator.wire_client import WireClient, in_world, instrument

BARS, TICKS, TICK_BY_TICK = 50, {"MIDPOINT": 96, "BID_ASK": 97, "TRADES": 98}, 99


def fields_of(contract: Contract) -> list[object]:
    return [contract.con_id, "", "", "", "0", "", "", contract.exchange, "", "", "", ""]


def raw(number: int, *fields: object) -> UnknownRequest:
    return UnknownRequest(number, "".join(f"{field}\0" for field in (number, *fields)).encode())


def bars(login: Login, req_id: int, text: str = "AAPL", show: str = "TRADES", rth: int = 0) -> UnknownRequest:
    return raw(50, 3, req_id, *fields_of(instrument(login, text).contract), 5, show, rth, "")


def past(
    login: Login, req_id: int, text: str = "AAPL", start: str = "", end: str = "", count: int = 5, show: str = "TRADES"
) -> UnknownRequest:
    contract = instrument(login, text).contract
    return raw(96, req_id, *fields_of(contract), 0, start, end, count, show, 1, 0, "")


def by_tick(login: Login, req_id: int, kind: str, text: str = "AAPL", count: int = 0) -> UnknownRequest:
    return raw(97, req_id, *fields_of(instrument(login, text).contract), kind, count, 0)


def heard(client: WireClient, number: int) -> list[list[str]]:
    """The fields of each such message, its id left out."""
    found = [reply for reply in client.of(UnknownReply) if reply.message_id == number]
    return [reply.payload.decode().split("\0")[1:-1] for reply in found]


# --- real-time bars ----------------------------------------------------------------------------------
def test_a_bar_comes_every_five_seconds_and_joins_the_one_before() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(bars(login, 7))
        await client.until(lambda: len(heard(client, BARS)) == 24, limit_s=200)
        rows = heard(client, BARS)
        starts = [int(row[2]) for row in rows]
        assert starts == list(range(starts[0], starts[0] + 120, 5)) and starts[0] % 5 == 0
        for _, req_id, _, open_, high, low, close, volume, *_ in rows:
            assert req_id == "7" and float(low) <= min(float(open_), float(close))
            assert float(high) >= max(float(open_), float(close)) and int(volume) > 0
        client.send(raw(51, 1, 7), raw(51, 1, 7))
        await client.until(lambda: client.errors(300))
        assert login.server.clients[1].subscriptions.bars == {}
        count = len(heard(client, BARS))
        await asyncio.sleep(60)
        assert len(heard(client, BARS)) == count

    in_world(test)


def test_bars_rest_while_the_market_is_closed() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(bars(login, 1, rth=1), bars(login, 2, "FUT ES"))
        await asyncio.sleep(6 * 3600)  # from 10:30 past the close of the stock market at 16:00
        assert heard(client, BARS)
        ended = login.exchange.catalogue.stock("AAPL").calendar.current_or_last(login.exchange.now_ns, liquid=True)
        stock = [int(row[2]) for row in heard(client, BARS) if row[1] == "1"]
        future = [int(row[2]) for row in heard(client, BARS) if row[1] == "2"]
        assert max(stock) == ended.end_ns // 1_000_000_000 - 5
        assert max(future) > max(stock)
        assert len(stock) == len(set(stock))  # the last bar before the close is not told again and again

    in_world(test, limit_s=30_000)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"show": "BID_ASK"}, 321), ({"text": "CASH EUR.USD"}, 420)],
)
def test_bars_of_nothing_are_refused(changes: dict[str, Any], code: int) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(bars(login, 7, **changes))
        await client.until(lambda: client.errors(code))
        assert client.errors(code)[0].req_id == 7

    in_world(test)


def test_without_live_data_there_are_no_real_time_bars_and_no_ticks() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(bars(login, 1), by_tick(login, 2, "Last"), past(login, 3, end="20260311 10:00:00"))
        await client.until(lambda: client.errors(420) and client.errors(10189) and client.errors(162))

    in_world(test, options=ServerOptions(market_data="none"))


def test_a_lost_link_stops_bars_and_ticks_and_1101_ends_them() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(bars(login, 1), by_tick(login, 2, "Last"))
        await client.until(lambda: heard(client, BARS) and heard(client, TICK_BY_TICK))
        login.server.lose_link()
        client.replies.clear()
        await asyncio.sleep(30)
        assert not heard(client, BARS) and not heard(client, TICK_BY_TICK)
        client.send(past(login, 3, end="20260311 10:00:00"))
        await client.until(lambda: client.errors(162))
        login.server.restore_link(1101)
        await asyncio.sleep(30)
        assert not heard(client, BARS) and not heard(client, TICK_BY_TICK)

    in_world(test)


def test_after_1102_the_bars_go_on() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(bars(login, 1))
        login.server.lose_link()
        await asyncio.sleep(30)
        login.server.restore_link(1102)
        await client.until(lambda: heard(client, BARS))

    in_world(test)


# --- ticks of the past ---------------------------------------------------------------------------------
@pytest.mark.parametrize(("show", "number"), sorted(TICKS.items()))
def test_past_ticks_end_before_the_end_or_begin_at_the_start(show: str, number: int) -> None:
    async def test(login: Login, client: WireClient) -> None:
        width = {"MIDPOINT": 4, "BID_ASK": 6, "TRADES": 6}[show]
        client.send(
            past(login, 1, end="20260311 09:30:02", show=show), past(login, 2, start="20260311 09:29:50", show=show)
        )
        await client.until(lambda: len(heard(client, number)) == 2)
        for row, moments in zip(heard(client, number), ([-3, -2, -1, 0, 1], [0, 1, 2, 3, 4]), strict=True):
            assert row[1] == "5" and row[-1] == "1" and len(row) == 2 + 5 * width + 1
            opened = login.exchange.catalogue.stock("AAPL").calendar.current_or_next(login.exchange.now_ns, liquid=True)
            times = [int(text) for text in row[2:-1:width]]
            opening_s = opened.start_ns // 1_000_000_000
            if moments[0] == 0:
                assert times == [opening_s + offset for offset in moments]
            else:  # the day before ends the list that reaches back over the night
                assert times[-2:] == [opening_s, opening_s + 1] and times[0] < opening_s - 60_000

    in_world(test)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 321),
        ({"start": "20260311 10:00:00", "end": "20260311 10:00:00"}, 321),
        ({"end": "yesterday"}, 321),
        ({"end": "20260311 10:00:00", "count": 0}, 321),
        ({"end": "20260311 10:00:00", "count": 1001}, 321),
        ({"end": "20260311 10:00:00", "show": "SPREAD"}, 321),
        ({"end": "20260311 10:00:00", "text": "CASH EUR.USD"}, 162),
    ],
)
def test_past_ticks_that_make_no_sense_are_refused(changes: dict[str, Any], code: int) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(past(login, 7, **changes))
        await client.until(lambda: client.errors(code))
        assert client.errors(code)[0].req_id == 7

    in_world(test)


def test_ticks_of_the_future_and_of_the_time_before_history_do_not_exist() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(past(login, 1, start="20260401 10:00:00"), past(login, 2, end="19990101 10:00:00"))
        await client.until(lambda: len(heard(client, 98)) == 2)
        assert heard(client, 98) == [["1", "0", "1"], ["2", "0", "1"]]
        client.send(past(login, 3, end="20270101 10:00:00"))
        await client.until(lambda: len(heard(client, 98)) == 3)
        assert int(heard(client, 98)[-1][-7]) * 1_000_000_000 <= login.exchange.now_ns

    in_world(test)


# --- tick by tick --------------------------------------------------------------------------------------
def test_ticks_come_while_the_market_is_open_and_wanted() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(by_tick(login, 1, "Last", count=3), by_tick(login, 2, "BidAsk"))
        client.send(by_tick(login, 3, "MidPoint", "CASH EUR.USD"))
        await client.until(lambda: {row[0] for row in heard(client, TICK_BY_TICK)} == {"1", "2", "3"})
        (before,) = heard(client, 98)
        assert before[:2] == ["1", "3"]
        told = {row[1]: row for row in heard(client, TICK_BY_TICK)}
        assert [len(told[kind]) for kind in ("1", "3", "4")] == [8, 8, 4]
        assert float(told["3"][3]) < float(told["3"][4])
        client.send(raw(98, 1), raw(98, 1))
        await client.until(lambda: client.errors(300))
        client.replies.clear()
        halted = instrument(login, "AAPL").con_id
        login.server.act(lambda now_ns: login.exchange.halt(now_ns, halted))
        await asyncio.sleep(60)
        assert {row[0] for row in heard(client, TICK_BY_TICK)} == {"3"}

    in_world(test)


def test_no_bid_is_told_as_zero() -> None:
    async def test(login: Login, client: WireClient) -> None:
        con_id = instrument(login, "AAPL").con_id
        login.server.act(lambda now_ns: login.exchange.set_market(now_ns, con_id, Market(no_bid=True)))
        client.send(by_tick(login, 1, "BidAsk"))
        await client.until(lambda: heard(client, TICK_BY_TICK))
        assert heard(client, TICK_BY_TICK)[0][3] == "0"

    in_world(test)


def test_six_streams_of_ticks_are_one_too_many() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(*(by_tick(login, number, "Last") for number in range(6)), by_tick(login, 9, "Trade"))
        await client.until(lambda: client.errors(10190) and client.errors(321))
        assert [error.req_id for error in client.errors(10190)] == [5]

    in_world(test)


@pytest.mark.parametrize("number", [50, 51, 96, 97, 98, 81, 104])
def test_a_request_that_cannot_be_read_is_answered_and_the_session_goes_on(number: int) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(raw(number), raw(number, "x", "y"), raw(number, 1, 2, *["1e999"] * 20))
        await client.ask(ReqCurrentTime(), CurrentTime)
        assert client.errors(320)

    in_world(test)

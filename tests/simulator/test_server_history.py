"""Historical data over the wire: bars, bars kept up to date, refusals, the first moment, option series."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from engine.core.contracts import Contract
from engine.simulator.server import Login, ServerOptions
from engine.wire.replies import (
    HeadTimestamp,
    HistoricalData,
    HistoricalDataUpdate,
    OptionParameters,
    OptionParametersEnd,
    UnknownReply,
)
from engine.wire.requests import (
    CancelHeadTimestamp,
    CancelHistoricalData,
    ReqHeadTimestamp,
    ReqHistoricalData,
    ReqSecDefOptParams,
)
from simulator.wire_client import WireClient, in_world, instrument


def ask(login: Login, req_id: int, text: str = "AAPL", **fields: Any) -> ReqHistoricalData:
    contract = instrument(login, text).contract
    asked: dict[str, Any] = {
        "end_time": "",
        "bar_size": "1 min",
        "duration": "600 S",
        "use_rth": True,
        "what_to_show": "TRADES",
        "format_date": 1,
    }
    return ReqHistoricalData(req_id, Contract(con_id=contract.con_id, exchange=contract.exchange), **asked | fields)


@pytest.mark.parametrize("version", [100, 123, 124, 178])
def test_bars_come_in_one_message_with_their_zone(version: int) -> None:
    async def test(login: Login, client: WireClient) -> None:
        (data,) = await client.ask(ask(login, 7), HistoricalData)
        assert data.req_id == 7 and len(data.bars) == 10
        assert data.bars[0].date.endswith("US/Eastern") and len(data.bars[0].date.split()[0]) == 8
        for bar in data.bars:
            assert bar.low <= bar.open <= bar.high and bar.volume > 0

    in_world(test, options=ServerOptions(version_max=version))


def test_dates_are_days_seconds_or_text_as_asked() -> None:
    async def test(login: Login, client: WireClient) -> None:
        (day,) = await client.ask(ask(login, 1, bar_size="1 day", duration="3 D"), HistoricalData)
        assert [len(bar.date) for bar in day.bars] == [8, 8, 8]
        (seconds,) = await client.ask(ask(login, 2, format_date=2), HistoricalData)
        moments = [int(bar.date) for bar in seconds.bars]
        assert moments == list(range(moments[0], moments[0] + 600, 60))

    in_world(test)


def test_bars_that_are_kept_up_to_date_grow_and_are_followed_by_the_next() -> None:
    async def test(login: Login, client: WireClient) -> None:
        (data,) = await client.ask(ask(login, 7, keep_up_to_date=True, format_date=2), HistoricalData)
        await client.until(lambda: len({bar.date for bar in client.of(HistoricalDataUpdate)}) >= 4, limit_s=400)
        told: dict[str, HistoricalDataUpdate] = {}
        for update in client.of(HistoricalDataUpdate):
            before = told.get(update.date)
            if before is not None:
                assert update.open == before.open
                assert update.high >= before.high and update.low <= before.low
            told[update.date] = update
        moments = sorted(int(moment) for moment in told)
        assert moments == list(range(moments[0], moments[0] + 60 * len(moments), 60))
        assert moments[0] - int(data.bars[-1].date) in (0, 60)
        client.send(CancelHistoricalData(7), CancelHistoricalData(7))
        await client.until(lambda: client.errors(366))
        assert not login.server.clients[1].subscriptions.history
        heard = len(client.of(HistoricalDataUpdate))
        await asyncio.sleep(60)
        (later,) = await client.ask(ask(login, 9), HistoricalData)
        assert later.bars and len(client.of(HistoricalDataUpdate)) == heard

    in_world(test)


def test_days_can_be_kept_up_to_date() -> None:
    async def test(login: Login, client: WireClient) -> None:
        asked = ask(login, 7, bar_size="1 day", duration="5 D", keep_up_to_date=True)
        (data,) = await client.ask(asked, HistoricalData)
        await client.until(lambda: client.of(HistoricalDataUpdate), limit_s=400)
        assert {bar.date for bar in client.of(HistoricalDataUpdate)} == {data.bars[-1].date}

    in_world(test)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"bar_size": "7 mins"}, 321),
        ({"duration": "1 fortnight"}, 321),
        ({"duration": "0 D"}, 321),
        ({"end_time": "yesterday"}, 321),
        ({"format_date": 3}, 321),
        ({"what_to_show": "OPTION_IMPLIED_VOLATILITY"}, 321),
        ({"keep_up_to_date": True, "end_time": "20260311 10:00:00 US/Eastern"}, 321),
        ({"keep_up_to_date": True, "bar_size": "1 week", "duration": "1 Y"}, 321),
        ({"bar_size": "1 secs", "duration": "1 M"}, 162),
        ({"end_time": "19990101 10:00:00 US/Eastern"}, 162),
        ({"text": "CASH EUR.USD"}, 162),
    ],
)
def test_what_makes_no_sense_or_is_not_there_is_refused(changes: dict[str, Any], code: int) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(ask(login, 7, **changes))
        await client.until(lambda: client.errors(code))
        assert client.errors(code)[0].req_id == 7
        assert not login.server.clients[1].subscriptions.history

    in_world(test)


@pytest.mark.parametrize(
    ("text", "rth", "duration", "days", "newest"),
    [
        ("AAPL", True, "3 D", ["09", "10", "11"], ["20260311-09:30:00", "20260311-16:00:00", "20260311"]),
        ("FUT ES", False, "2 D", ["10", "11"], ["20260310-17:00:00", "20260311-16:00:00", "20260311"]),
        (
            "AAPL",
            True,
            "1 W",
            ["04", "05", "06", "09", "10", "11"],
            ["20260311-09:30:00", "20260311-16:00:00", "20260311"],
        ),
    ],
)
def test_the_schedule_lists_sessions_with_their_trade_dates(
    text: str, rth: bool, duration: str, days: list[str], newest: list[str]
) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(ask(login, 7, text, what_to_show="SCHEDULE", bar_size="1 day", duration=duration, use_rth=rth))
        await client.until(lambda: client.of(UnknownReply))
        fields = client.of(UnknownReply)[0].payload.decode().split("\0")[1:-1]
        rows = [fields[at : at + 3] for at in range(5, len(fields), 3)]
        assert [day for *_, day in rows] == [f"202603{day}" for day in days] and rows[-1] == newest
        assert [fields[0], *fields[1:3], fields[4]] == ["7", rows[0][0], rows[-1][1], str(len(rows))]

    in_world(test)


def test_a_schedule_of_nothing_is_refused() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(ask(login, 7, what_to_show="SCHEDULE", duration="soon"))
        client.send(ask(login, 8, what_to_show="SCHEDULE", end_time="soon"))
        client.send(ask(login, 9, what_to_show="SCHEDULE", keep_up_to_date=True))
        await client.until(lambda: len(client.errors(321)) == 3)

    in_world(test)


def test_without_permission_or_a_link_there_is_no_history() -> None:
    async def refused(login: Login, client: WireClient) -> None:
        client.send(ask(login, 7))
        await client.until(lambda: client.errors(162))
        assert "permissions" in client.errors(162)[0].text

    async def lost(login: Login, client: WireClient) -> None:
        (_,) = await client.ask(ask(login, 6, keep_up_to_date=True), HistoricalData)
        login.server.lose_link()
        client.send(ask(login, 7))
        await client.until(lambda: client.errors(162))
        login.server.restore_link(1101)
        assert not login.server.clients[1].subscriptions.history

    in_world(refused, options=ServerOptions(market_data="none"))
    in_world(lost)


def test_the_first_moment_is_told_in_either_format() -> None:
    async def test(login: Login, client: WireClient) -> None:
        contract = instrument(login, "AAPL").contract
        named = Contract(con_id=contract.con_id, exchange="SMART")
        (text,) = await client.ask(ReqHeadTimestamp(1, named, True, "TRADES", 1), HeadTimestamp)
        (seconds,) = await client.ask(ReqHeadTimestamp(2, named, True, "TRADES", 2), HeadTimestamp)
        assert text.time[8] == "-" and int(seconds.time) * 1_000_000_000 == login.exchange.history_begins_ns
        client.send(CancelHeadTimestamp(2), ReqHeadTimestamp(3, named, True, "NOTHING", 1))
        await client.until(lambda: client.errors(321))

    in_world(test)


def test_option_series_hold_what_contract_details_find() -> None:
    async def test(login: Login, client: WireClient) -> None:
        apple, future = instrument(login, "AAPL"), instrument(login, "FUT ES")
        answers = await client.ask(ReqSecDefOptParams(1, "AAPL", "", "STK", apple.con_id), OptionParametersEnd)
        (series,) = [answer for answer in answers if isinstance(answer, OptionParameters)]
        assert series.multiplier == "100" and len(series.expirations) > 3 and len(series.strikes) > 5
        strike = series.strikes[0]
        assert isinstance(strike, Decimal)
        assert instrument(login, f"OPT AAPL {series.expirations[0]} {strike:f} C").under_con_id == apple.con_id
        answers = await client.ask(ReqSecDefOptParams(2, "ES", "CME", "FUT", future.con_id), OptionParametersEnd)
        assert {a.exchange for a in answers if isinstance(a, OptionParameters)} == {"CME"}
        answers = await client.ask(ReqSecDefOptParams(3, "ES", "NYMEX", "FUT", future.con_id), OptionParametersEnd)
        assert len(answers) == 1

    in_world(test)

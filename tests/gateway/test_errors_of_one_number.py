"""What TWS says of a number, which may be an order's or a request's; and of changes that follow each other closely.

Programs number their requests from 1, as their orders. An error that belongs to a request must not make an order
forgotten that TWS has yet to read.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.contracts import Contract
from engine.core.preflight.settings import DEFAULTS, ProductLimits
from engine.gateway.unanswered import ANSWER_S, SECOND_LOOK_S
from engine.simulator.faults import AnswerError, DelayRequests, DropRequests, Reject
from engine.wire.requests import ReqMktData, ReqOpenOrders
from gateway.post import Post, listed, order, post, shown, statuses, told
from gateway.test_last_look import counted

ROOM = replace(
    DEFAULTS, futures=ProductLimits(Decimal(30), None), duplicates_max=99, repeats_max=99
)  # the account holds ten
NOTHING = Contract(symbol="NOSUCH", sec_type="STK", exchange="SMART", currency="USD")
LATE = DelayRequests(requests=("PlaceOrder",), seconds=2.0)


def worst(it: Post) -> Decimal:
    it.desk.tray.empty()
    es = listed(it.login, "FUT ES").con_id
    found: Decimal = it.desk.checks.desk.book.spot(("DU1234567", es)).exposure.buys
    return found


@pytest.mark.parametrize("code", [200, 321, 354])
def test_an_error_of_a_request_does_not_end_the_order_of_its_number(tmp_path: Path, code: int) -> None:
    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, "FUT ES")
        client.send(order(1, es, "BUY", 15, 1000), ReqMktData(1, NOTHING))
        await client.until(lambda: told(client, 1))
        await asyncio.sleep(1)
        assert worst(it) == 15 and not statuses(client, 1)
        client.send(order(2, es, "BUY", 14, 1000))
        await client.until(lambda: told(client, 2))
        assert "max_contracts" in told(client, 2)[0].text
        await client.until(lambda: statuses(client, 1))
        await asyncio.sleep(SECOND_LOOK_S + 1)
        assert counted(it, (21, 1)) == [15]

    faults = (LATE, AnswerError(requests=("ReqMktData",), code=code, text="of the request"))
    post(tmp_path, test, *faults, settings=ROOM)


def test_an_error_of_a_request_does_not_end_a_change_of_its_number(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, "FUT ES")
        client.send(order(1, es, "BUY", 1, 1000))
        await client.until(lambda: statuses(client, 1))
        client.send(order(1, es, "BUY", 15, 1000), ReqMktData(1, NOTHING))
        await client.until(lambda: told(client, 1))
        client.send(ReqOpenOrders())
        await asyncio.sleep(1)
        assert counted(it, (21, 1)) == [15]
        await asyncio.sleep(SECOND_LOOK_S + 2)
        assert counted(it, (21, 1)) == [15] and not it.desk.checks.book.changing

    post(tmp_path, test, LATE, settings=ROOM)


@pytest.mark.parametrize(("code", "after_s"), [(201, 0.5), (10999, SECOND_LOOK_S + 0.5)])
def test_an_order_that_is_refused_and_not_listed_is_gone(tmp_path: Path, code: int, after_s: float) -> None:
    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, "FUT ES")
        client.send(order(1, es, "BUY", 15, 1000))
        await client.until(lambda: told(client, 1))
        assert counted(it, (21, 1)) == [15]
        await asyncio.sleep(after_s)
        assert counted(it, (21, 1)) == []

    post(tmp_path, test, Reject(code=code), settings=ROOM)


def test_an_error_that_comes_when_it_has_long_been_silent_ends_it_all_the_same(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, "FUT ES")
        client.send(order(1, es, "BUY", 15, 1000))
        await asyncio.sleep(ANSWER_S - 1)
        client.send(ReqMktData(1, NOTHING))  # TWS has lost the order; this stands for its late word
        await asyncio.sleep(SECOND_LOOK_S + 1)
        assert counted(it, (21, 1)) == []

    post(tmp_path, test, DropRequests(requests=("PlaceOrder",)), settings=ROOM)


def test_of_two_changes_the_first_counts_until_tws_has_shown_both(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, "FUT ES")
        client.send(order(1, es, "BUY", 1, 1000))
        await client.until(lambda: shown(client, 1), 90)
        original = shown(client, 1)[0]
        client.send(order(1, es, "BUY", 15, 1000), order(1, es, "BUY", 1, 1001))
        await asyncio.sleep(1)
        for quantity, count in ((1, 15), (15, 15), (1, 1)):  # the original, asked for before the changes; then those
            it.desk.heard(21, replace(original, order=replace(original.order, total_quantity=Decimal(quantity))))
            assert counted(it, (21, 1)) == [count]
        assert not it.desk.checks.book.changing

    post(tmp_path, test, DelayRequests(requests=("PlaceOrder",), seconds=60), settings=ROOM)


def test_a_change_that_is_refused_leaves_the_one_behind_it_counted(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, "FUT ES")
        client.send(order(1, es, "BUY", 1, 1000))
        await client.until(lambda: statuses(client, 1))
        client.send(order(1, es, "BUY", 2, 1000, oca_group="g", oca_type=1), order(1, es, "BUY", 15, 1000))
        await client.until(lambda: told(client, 1))
        assert told(client, 1)[0].code == 105 and counted(it, (21, 1)) == [15]
        await asyncio.sleep(3)
        assert counted(it, (21, 1)) == [15] and not it.desk.checks.book.changing

    post(tmp_path, test, LATE, settings=ROOM)

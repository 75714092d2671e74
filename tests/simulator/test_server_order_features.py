"""What an order may carry: algorithms work as their plain kin; what cannot be done is refused, never ignored."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.core.contracts import TagValue
from engine.simulator.server import Login
from engine.wire.replies import OpenOrder, OrderStatus
from simulator.wire_client import WireClient, in_world, order


@pytest.mark.parametrize("name", ["Adaptive", "Twap", "Vwap", "ArrivalPx", "DarkIce", "PctVol", "AD"])
def test_algorithms_fill_as_their_plain_kin_and_keep_their_name(name: str) -> None:
    async def test(login: Login, client: WireClient) -> None:
        algo: dict[str, Any] = {"algo_strategy": name, "algo_params": (TagValue("adaptivePriority", "Normal"),)}
        client.send(order(login, 1, "AAPL", "BUY", 10, **algo), order(login, 2, "AAPL", "BUY", 10, 210, **algo))
        await client.until(lambda: "Filled" in [status.status for status in client.of(OrderStatus)])
        assert {opened.order.algo_strategy for opened in client.of(OpenOrder)} == {name}
        (resting,) = [view for view in login.working() if view.request.client_id == 1]
        assert resting.request.lmt_price == 210

    in_world(test)


def test_an_unknown_algorithm_is_refused() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 10, algo_strategy="Magic"))
        await client.until(lambda: client.errors(439))
        assert not login.working() and login.is_flat()

    in_world(test)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"good_after_time": "20260311 15:00:00 US/Eastern"}, "goodAfterTime"),
        ({"all_or_none": True}, "allOrNone"),
        ({"min_qty": 5}, "minQty"),
        ({"discretionary_amt": Decimal("0.1")}, "discretionary"),
        ({"hedge_type": "D"}, "hedge"),
        ({"scale_price_increment": Decimal("0.1")}, "scale"),
    ],
)
def test_what_would_make_another_order_of_it_is_refused_by_name(fields: dict[str, Any], named: str) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 10, **fields))
        await client.until(lambda: client.errors(201))
        assert named in client.errors(201)[0].text
        assert login.is_flat()

    in_world(test)


def test_a_price_with_the_noise_of_binary_fractions_is_the_price_meant() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 1, Decimal("209.85999999999999")))
        client.send(order(login, 2, "AAPL", "BUY", 1, order_type="STP", aux_price=Decimal("249.99999999999997")))
        client.send(order(login, 3, "AAPL", "BUY", 1, Decimal("209.861")))
        await client.until(lambda: client.errors(110) and len(login.working()) == 2)
        assert client.errors(110)[0].req_id == 3
        shown = {opened.order_id: opened.order for opened in client.of(OpenOrder)}
        assert (str(shown[1].lmt_price), str(shown[2].aux_price)) == ("209.86", "250")

    in_world(test)


def test_a_child_that_waits_for_its_parent_says_so() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 10, 210, transmit=False))
        client.send(order(login, 2, "AAPL", "SELL", 10, 250, parent_id=1, transmit=False))
        client.send(order(login, 3, "AAPL", "SELL", 10, order_type="STP", aux_price=Decimal(190), parent_id=1))
        await client.until(lambda: {status.order_id for status in client.of(OrderStatus)} == {1, 2, 3})
        held = {(status.order_id, status.status, status.why_held) for status in client.of(OrderStatus)}
        assert {(2, "PreSubmitted", "child"), (3, "PreSubmitted", "child")} <= held

    in_world(test)

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

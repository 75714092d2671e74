"""Conditional orders over the wire: every kind is understood, shown again as it came, and held."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.simulator.exchange import OrderView
from engine.simulator.server import Login, ServerOptions
from engine.simulator.server.conditional import translated
from engine.simulator.server.times import parse_moment
from engine.wire.order import (
    Condition,
    ExecutionCondition,
    MarginCondition,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)
from engine.wire.replies import OpenOrder, OpenOrderEnd, OrderStatus
from engine.wire.requests import ReqAllOpenOrders, ReqGlobalCancel
from simulator.exchange.stage import at
from simulator.wire_client import WireClient, in_world, instrument, order


def every_kind(con_id: int) -> tuple[Condition, ...]:
    """One of each, none of which comes true."""
    far = Decimal(1_000_000)
    return (
        PriceCondition("a", True, far, con_id, "SMART", 0),
        TimeCondition("a", True, "20991231 10:00:00 US/Eastern"),
        MarginCondition("a", False, Decimal(0)),
        ExecutionCondition("a", "STK", "SMART", "IBM"),
        VolumeCondition("a", True, 2_000_000_000, con_id, "SMART"),
        PercentChangeCondition("a", True, far, con_id, "SMART"),
    )


@pytest.mark.parametrize("version", [102, 145, 176, 178])
def test_every_condition_is_shown_as_it_came_and_the_order_is_held(version: int) -> None:
    async def test(login: Login, client: WireClient) -> None:
        asked = every_kind(instrument(login, "AAPL").con_id)
        client.send(order(login, 1, "AAPL", "BUY", 1, conditions=asked, conditions_ignore_rth=True))
        await client.until(lambda: [s for s in client.of(OrderStatus) if s.status == "PreSubmitted"])
        answers = await client.ask(ReqAllOpenOrders(), OpenOrderEnd)
        shown = next(reply for reply in answers if isinstance(reply, OpenOrder))
        assert shown.order.conditions == asked and shown.order.conditions_ignore_rth is True
        assert shown.state.status == "PreSubmitted"
        client.send(ReqGlobalCancel())
        await client.until(lambda: client.errors(202))
        assert not login.positions() and not login.working()

    in_world(test, options=ServerOptions(version_max=version))


def test_a_condition_that_is_true_lets_the_order_through() -> None:
    async def test(login: Login, client: WireClient) -> None:
        price = PriceCondition("a", True, Decimal(1), instrument(login, "AAPL").con_id, "SMART", 0)
        client.send(order(login, 1, "FUT ES", "BUY", 1, conditions=(price,), conditions_ignore_rth=True))
        await client.until(lambda: login.positions())

    in_world(test)


@pytest.mark.parametrize(
    "nonsense",
    [
        TimeCondition("a", True, "tomorrow"),
        TimeCondition("x", True, "20260311 15:00:00"),
        PriceCondition("a", True, Decimal(1), 12, "SMART", 0),
        PriceCondition("a", True, Decimal(1), 265598, "SMART", 99),
        ExecutionCondition("a", "STK", "SMART", ""),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused_and_not_left_out(nonsense: Condition) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "FUT ES", "BUY", 1, conditions=(nonsense,)))
        await client.until(lambda: client.errors(321))
        assert not login.positions() and not [view for view in login.working() if _mine(view)]

    in_world(test)


def _mine(view: OrderView) -> bool:
    return view.request.client_id == 1


def test_a_moment_is_read_with_its_zone_or_not_at_all() -> None:
    assert parse_moment("20260311 15:00:00 US/Eastern") == at("2026-03-11 19:00")
    assert parse_moment("20260311 15:00:00") == at("2026-03-11 19:00")
    assert parse_moment("20260311 15:00:00 Asia/Tokyo") == at("2026-03-11 06:00")
    assert parse_moment("20260311-15:00:00") == at("2026-03-11 15:00")
    for text in ("", "20260311", "20260311 25:00:00", "20260311 15:00:00 Mars/Base", "20260311-15:00:00 UTC"):
        assert parse_moment(text) is None
    assert translated(TimeCondition("o", False, "20260311-15:00:00")) is not None

"""Combinations over the wire: what a client that trades them sees, at every server version."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.contracts import ComboLeg, Contract
from engine.simulator.server import Login, ServerOptions
from engine.wire.order import Order
from engine.wire.replies import CommissionReport, Execution, ExecutionsEnd, OpenOrder, OpenOrderEnd, OrderStatus
from engine.wire.requests import CancelOrder, PlaceOrder, ReqAllOpenOrders, ReqExecutions, ReqGlobalCancel
from simulator.wire_client import WireClient, in_world, instrument

LONG, SHORT = "OPT SPY 20260417 580 P", "OPT SPY 20260417 560 P"


def spread(login: Login, order_id: int, action: str, quantity: int, limit: str = "", **fields: str) -> PlaceOrder:
    legs = tuple(
        ComboLeg(instrument(login, text).con_id, 1, side, "SMART") for text, side in ((LONG, "BUY"), (SHORT, "SELL"))
    )
    contract = Contract(symbol="SPY", sec_type="BAG", exchange="SMART", currency="USD", combo_legs=legs)
    kind = {"order_type": "LMT", "lmt_price": Decimal(limit)} if limit else {"order_type": "MKT"}
    return PlaceOrder(order_id, contract, Order(action=action, total_quantity=Decimal(quantity), **kind, **fields))


@pytest.mark.parametrize("version", [100, 130, 145, 163, 176, 178])
def test_a_combination_comes_back_with_its_legs_and_fills_leg_by_leg(version: int) -> None:
    async def test(login: Login, client: WireClient) -> None:
        asked = spread(login, 1, "BUY", 2, "0.05", order_ref="combo")
        client.send(asked)
        await client.until(lambda: [s for s in client.of(OrderStatus) if s.status == "Submitted"])
        shown = client.of(OpenOrder)[0]
        assert (shown.contract.sec_type, shown.contract.con_id) == ("BAG", 28812380)
        assert shown.contract.combo_legs == asked.contract.combo_legs
        assert shown.order.lmt_price == Decimal("0.05")
        client.send(CancelOrder(1))
        await client.until(lambda: client.errors(202))

        client.send(spread(login, 2, "BUY", 3, order_ref="combo"))
        await client.until(lambda: len(client.of(CommissionReport)) == 2)
        summary, *legs = client.of(Execution)
        assert (summary.contract.sec_type, summary.shares) == ("BAG", 3)
        assert [(leg.contract.local_symbol, leg.side, leg.shares) for leg in legs] == [
            (instrument(login, LONG).contract.local_symbol, "BOT", 3),
            (instrument(login, SHORT).contract.local_symbol, "SLD", 3),
        ]
        assert legs[0].price - legs[1].price == summary.price
        assert {done.exec_id for done in client.of(Execution)} > {paid.exec_id for paid in client.of(CommissionReport)}
        assert sorted(login.positions().values()) == [-3, 3]

    in_world(test, options=ServerOptions(version_max=version))


def test_executions_asked_for_later_hold_the_summary_too() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(spread(login, 1, "BUY", 1))
        await client.until(lambda: len(client.of(CommissionReport)) == 2)
        answers = await client.ask(ReqExecutions(7), ExecutionsEnd)
        kinds = [done.contract.sec_type for done in answers if isinstance(done, Execution)]
        assert kinds == ["BAG", "OPT", "OPT"]

    in_world(test)


def test_a_combination_can_be_modified_and_the_global_cancel_takes_it() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(spread(login, 1, "BUY", 1, "0.05"), spread(login, 1, "BUY", 4, "0.10"))
        await client.until(lambda: [view for view in login.working() if view.request.quantity == 4])
        client.send(ReqGlobalCancel())
        await client.until(lambda: client.errors(202))
        answers = await client.ask(ReqAllOpenOrders(), OpenOrderEnd)
        assert not [reply for reply in answers if isinstance(reply, OpenOrder)]
        assert not login.positions()

    in_world(test)


def test_bad_legs_are_refused_by_number() -> None:
    async def test(login: Login, client: WireClient) -> None:
        good = instrument(login, LONG).con_id
        legs = (ComboLeg(good, 1, "BUY", "SMART"), ComboLeg(12, 1, "SELL", "SMART"))
        bag = Contract(symbol="SPY", sec_type="BAG", exchange="SMART", currency="USD", combo_legs=legs)
        client.send(PlaceOrder(1, bag, Order(action="BUY", total_quantity=Decimal(1), order_type="MKT")))
        client.send(PlaceOrder(2, Contract(symbol="SPY", sec_type="BAG", exchange="SMART"), Order(action="BUY")))
        await client.until(lambda: client.errors(314))
        assert "'2'" in client.errors(313)[0].text

    in_world(test)

"""Orders for an amount of money, and the fractions of shares that they leave."""

from __future__ import annotations

import pytest

from engine.core.contracts import Contract
from engine.simulator.exchange import Holding, Status
from simulator.exchange.stage import ACCOUNT, D, Stage, refusal


def test_an_amount_buys_what_it_is_worth_and_never_more() -> None:
    stage = Stage()
    ask = stage.exchange.quote(stage.aapl.con_id).ask
    assert ask is not None
    order = stage.rest(stage.aapl, "BUY", 0, cash_qty=D(1000))
    assert order.status is Status.FILLED
    assert order.filled * ask <= 1000 < (order.filled + D("0.0001")) * ask
    assert stage.held(stage.aapl) == order.filled != order.filled.to_integral_value()


def test_a_currency_is_bought_in_whole_units() -> None:
    stage = Stage()
    (euro,) = stage.catalogue.find(Contract(symbol="EUR", sec_type="CASH", currency="USD"))
    order = stage.rest(euro, "BUY", 0, cash_qty=D(25_000), order_type="LMT", lmt_price="1.1", exchange="IDEALPRO")
    assert order.request.quantity == 25_000 // D("1.1")


def test_a_fraction_cannot_be_closed_by_its_quantity_and_the_whole_shares_can() -> None:
    stage = Stage()
    stage.exchange.add_holding(stage.now_ns, ACCOUNT, Holding(stage.aapl.con_id, D("10.5"), D(230)))
    assert refusal(stage.place(stage.aapl, "SELL", D("10.5"))) == 10243
    assert refusal(stage.place(stage.aapl, "SELL", D("0.5"))) == 10243
    stage.rest(stage.aapl, "SELL", 10)
    assert stage.held(stage.aapl) == D("0.5")


@pytest.mark.parametrize("kind", ["future", "option"])
def test_derivatives_take_no_amount_of_money(kind: str) -> None:
    stage = Stage()
    instrument = stage.es if kind == "future" else stage.call
    assert refusal(stage.place(instrument, "BUY", 1, cash_qty=D(100_000))) == 10244


def test_a_modified_amount_is_sized_anew_and_the_books_add_up() -> None:
    stage = Stage()
    order = stage.rest(stage.aapl, "BUY", 0, cash_qty=D(1000), order_type="LMT", lmt_price=200)
    assert order.request.quantity == 5
    changed = stage.order(
        stage.aapl, "BUY", 0, order_id=order.request.order_id, cash_qty=D(3000), order_type="LMT", lmt_price=200
    )
    stage.exchange.place(stage.now_ns, changed)
    assert stage.now(order).request.quantity == 15
    stage.price(stage.aapl, 190)
    values = stage.exchange.account_values(ACCOUNT)
    assert values.net_liquidation - values.contributed == values.realized_total + values.unrealized_pnl
